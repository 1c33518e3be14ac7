"""Finds faces in photos of any size, with five points of each.

The points are those of `landmarks.POINTS`, in that order.
"""

import math
from itertools import product

import cv2
import numpy as np

from colorgan.faces.finding.refinement import Refiner
from colorgan.faces.finding.scratches import mended
from colorgan.faces.finding.views import Level
from colorgan.faces.finding.yunet import SURE, Faces, YuNet
from colorgan.luminance import stretched


class FaceDetector:
    """Finds faces of any size, however they are tilted; not to be shared by threads.

    Its network, `yunet.YuNet`, knows upright faces of some sizes. So the photo is searched in
    several sizes, in tiles where it is large; the small sizes turned in steps of 45 degrees. What
    is faded or dark is searched with its contrast stretched, too. Each candidate is then looked at
    more closely: see `refinement.Refiner`.

    `colorgan measure-detection` measures what this finds, misses and takes for a face.
    """

    FINEST = 2 / 3  # size of the largest search, in that of the photo: eyes of 12 pixels are 8
    TINY, FINER = 18.0, 4 / 3  # eyes that ask for one search more, in pixels, and its size
    LONGEST = 32_000  # side of what is searched, at most: OpenCV warps no images of 32,768
    LARGE, MOST_ENLARGED = 1600, 2.0  # longer side up to which photos are enlarged, by so much
    MIDDLE, SMALL = 640, 320  # longer sides, in pixels, that are searched in all turns
    PAGE, ALONE = 1280, 1 / 25  # longer side of a page that is searched in all turns; eyes, in that
    STEP = 4.5  # at most, from one size to the next
    QUARTERS, DIAGONALS = (90, 180, 270), (45, 135, 225, 315)  # degrees
    GRAIN, DOTS = 7, 3.0  # pixels of the middle size: a median's, a Gaussian's standard deviation

    def __init__(self) -> None:
        """Load the network; `UserError` where the package that holds it is not installed."""
        self._network = YuNet()
        self._refiner = Refiner(self._network)

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Find all faces in an image of any size, uint8: gray `(h, w)` or BGR `(h, w, 3)`.

        Returns the five points of each, the surest first: float32 `(k, 5, 2)`, x and y in pixels of
        the image, outside of which they may lie. The pixel in column x and row y covers [x, x + 1)
        and [y, y + 1).

        Colour is not used. Sizes above the middle one are searched upright, and in the quarter
        turns in which some face was found; where none surely stands upright, in all: scans may lie
        on their side, and so may single prints on a large page, of which one size more is searched
        in all turns. Faces that lean by half a right angle are looked for at one size alone.

        Faces at the lower end of what the largest size shows are easily missed. Where one is found,
        or none at all, the photo is searched once more, enlarged; that takes longer than all else.
        Where still no face is found, one is looked for under grain, scratches or the dots of print.
        """
        gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        levels = self._levels(gray)
        faces = self._in_all_sizes(levels, gray)
        scale = min(self.FINER, self.LONGEST / max(gray.shape))
        if levels[0].scale < scale and (not len(faces) or min(faces.eyes()) < self.TINY):
            faces = self._enlarged(levels, Level.resized(gray, scale, gray.shape), faces)
        if not len(faces):
            faces = self._under_grain(levels, gray)
        return faces.landmarks.astype(np.float32)

    def _in_all_sizes(self, levels: list[Level], gray: np.ndarray) -> Faces:
        """The faces that a search of each level finds."""
        large = [level for level in levels if max(level.image.shape) > self.MIDDLE]
        small = levels[len(large) :]
        leaning = product([self._leaning(levels, gray)], self.DIAGONALS)
        sights = [*product(large, (0,)), *product(small, (0, *self.QUARTERS)), *leaning]
        faces = self._find(levels, sights)
        sure = faces[(faces.eyes() >= self.TINY) & (faces.scores >= SURE)]
        turns = set(faces.quarters()) - {0} if 0 in sure.quarters() else self.QUARTERS
        others = sorted({*self.QUARTERS} - {*turns})
        again = [*product(large, sorted(turns)), *product(self._page(levels, gray, faces), others)]
        turned = self._find(levels, again)
        return Faces.joined([faces, turned]).without_doubles()

    def _page(self, levels: list[Level], gray: np.ndarray, faces: Faces) -> list[Level]:
        """The size at which prints on their side are looked for on a large page of upright ones.

        None where the page is not large, or a face as large as in a single photo.
        """
        scale = self.PAGE / max(gray.shape)
        if scale > 0.5 or max(faces.eyes(), default=0) > self.ALONE * max(gray.shape):
            return []
        return [Level.resized(levels[0].image, scale, gray.shape)]

    def _leaning(self, levels: list[Level], gray: np.ndarray) -> Level:
        """The size at which faces that lean are looked for.

        Of large photos the smallest, of others their own where that is no larger than the middle.
        """
        scale = min(max(levels[-1].scale, 1), self.MIDDLE / max(gray.shape))
        if levels[0].scale < 1 or scale == levels[-1].scale:
            return levels[-1]
        return Level.resized(gray, scale, gray.shape)

    def _enlarged(self, levels: list[Level], enlarged: Level, faces: Faces) -> Faces:
        """These faces, and what a search of the enlarged photo adds to them."""
        turns = sorted({0, *faces.quarters()})
        added = self._find([enlarged, *levels], list(product([enlarged], turns)))
        return Faces.joined([faces, added]).without_doubles()

    def _under_grain(self, levels: list[Level], gray: np.ndarray) -> Faces:
        """The faces under grain, scratches or the dots of print: in small levels, smoothed."""
        small = [level for level in levels if max(level.image.shape) <= self.MIDDLE]
        largest = mended(small[0].image)
        for image in (
            cv2.medianBlur(largest, self.GRAIN),
            cv2.GaussianBlur(largest, (0, 0), self.DOTS),
        ):
            smooth = [Level.resized(image, level.scale, gray.shape) for level in small]
            faces = self._find(smooth, list(product(smooth, (0, *self.QUARTERS))))
            if len(faces):
                break
        return faces

    def _levels(self, gray: np.ndarray) -> list[Level]:
        """The image in the sizes at which it is searched, the largest first."""
        longest = max(gray.shape)
        finest = max(self.FINEST * longest, min(self.LARGE, self.MOST_ENLARGED * longest))
        finest = min(finest, self.LONGEST)
        steps = max(0, math.ceil(math.log(finest / self.MIDDLE, self.STEP)))
        larger = np.geomspace(finest, self.MIDDLE, steps, endpoint=False).tolist()
        levels: list[Level] = []
        for side in (*larger, min(finest, self.MIDDLE), min(finest, self.SMALL)):
            scale = side / longest
            if levels and scale == levels[-1].scale:
                continue
            source = levels[-1].image if levels and scale < 1 else gray
            levels.append(Level.resized(source, scale, gray.shape))
        return levels

    def _find(self, levels: list[Level], sights: list[tuple[Level, int]]) -> Faces:
        """The faces in levels turned by degrees, each as a closer look shows it."""
        is_faded = stretched(levels[-1].image) is not levels[-1].image
        seen = []
        for view, to_photo in (view for level, turn in sights for view in level.turned(turn)):
            seen.append(self._network.look(view, to_photo))
            full = stretched(view) if is_faded else view
            if full is not view:
                seen.append(self._network.look(full, to_photo))
        candidates = Faces.joined(seen)
        candidates = candidates.without_doubles(self._ways(candidates, levels[0].photo_size))
        faces = Faces.joined([])
        for at, landmarks in enumerate(candidates.landmarks):
            if not faces.hold(candidates[[at]]):
                closer = self._refiner.refine(levels, landmarks)
                faces = Faces.joined([faces, closer]).without_doubles()
        return faces

    def _ways(self, candidates: Faces, photo_size: np.ndarray) -> np.ndarray:
        """The ways in which candidates stand, `(n,)`; away from the border, all the same.

        Half a face often looks more like one upside down. If that is none, one that stands another
        way may be; away from the border, it would be one no more often than not.
        """
        middles = candidates.landmarks.mean(axis=1)
        inside = np.minimum(middles, photo_size - middles).min(axis=1)
        return np.where(inside < Refiner.REACH * candidates.eyes(), candidates.quarters(), 0)
