"""Finds faces in photos of any size, with five points for each.

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
    """Finds faces of any size and at any tilt; threads must not share one.

    Its network, `yunet.YuNet`, finds upright faces in a range of sizes. So the photo is searched at
    several sizes, in tiles if it is large, and at the small sizes also turned in steps of 45
    degrees. Faded or dark photos are also searched with their contrast stretched. Each candidate
    then gets a closer look: see `refinement.Refiner`.

    `colorgan measure-detection` measures what this finds, misses, and mistakes for a face.
    """

    FINEST = 2 / 3  # largest size searched, as a share of the photo's; eyes 12 pixels apart are 8
    TINY, FINER = 18.0, 4 / 3  # pixels between eyes that call for another search, and its size
    LONGEST = 32_000  # longest side that is searched; OpenCV cannot warp images of 32,768
    LARGE, MOST_ENLARGED = 1600, 2.0  # photos up to this long are enlarged, at most by this
    MIDDLE, SMALL = 640, 320  # longer sides, in pixels, that are searched in all turns
    PAGE, ALONE = 1280, 1 / 25  # longer side of a page in all turns; eye distance in one portrait
    STEP = 4.5  # the largest factor from one size to the next
    QUARTERS, DIAGONALS = (90, 180, 270), (45, 135, 225, 315)  # degrees
    GRAIN, DOTS = 7, 3.0  # at the middle size, in pixels: a median's side, a Gaussian's deviation

    def __init__(self) -> None:
        """Load the network; `UserError` if the package that holds it is not installed."""
        self._network = YuNet()
        self._refiner = Refiner(self._network)

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Find all faces in an image of any size, uint8: gray `(h, w)` or BGR `(h, w, 3)`.

        Returns the five points of each, the surest first: float32 `(k, 5, 2)`, x and y in pixels of
        the image; they may be outside of it. The pixel in column x and row y covers [x, x + 1) and
        [y, y + 1).

        Colour is not used. Sizes above the middle one are searched upright, and in those quarter
        turns in which faces were found; if no face surely is upright, in all of them, since a scan
        may be on its side. So may single prints on a large page, which is searched in all turns at
        one more size. Faces that lean by 45 degrees are searched for at one size only.

        Faces that are barely large enough for the largest size are easily missed. If one is found,
        or none at all, the photo is enlarged and searched again, which takes longer than all the
        rest. If there still is no face, grain, scratches or the dots of print are smoothed away.
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
        """The size at which to search a large page of upright prints for prints on their side.

        Empty if the page is not large, or some face is as large as in a single photo.
        """
        scale = self.PAGE / max(gray.shape)
        if scale > 0.5 or max(faces.eyes(), default=0) > self.ALONE * max(gray.shape):
            return []
        return [Level.resized(levels[0].image, scale, gray.shape)]

    def _leaning(self, levels: list[Level], gray: np.ndarray) -> Level:
        """The size at which to search for faces that lean.

        For large photos it is the smallest; for others their own, but no larger than the middle.
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
        """The faces under grain, scratches or the dots of print, found in smoothed small levels."""
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
        """The image at the sizes at which it is searched, the largest first."""
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
        """The faces in levels that are turned by degrees, each after a closer look."""
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
        """The quarter turn in which each candidate stands, `(n,)`; 0 for all away from the border.

        Half a face often looks more like one that is upside down. If that is dropped, a candidate
        in another turn may be a face; away from the border, it would rarely be one.
        """
        middles = candidates.landmarks.mean(axis=1)
        inside = np.minimum(middles, photo_size - middles).min(axis=1)
        return np.where(inside < Refiner.REACH * candidates.eyes(), candidates.quarters(), 0)
