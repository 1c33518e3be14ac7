"""One portrait, from its seed and number."""

import numpy as np
from numpy.typing import NDArray

from colorgan.drawn_faces.backgrounds import draw_background
from colorgan.drawn_faces.brush import Canvas, mix
from colorgan.drawn_faces.clothes import paint_torso
from colorgan.drawn_faces.face import paint_ears, paint_face, paint_glasses
from colorgan.drawn_faces.hair import grow_hair, paint_back_hair, paint_front_hair
from colorgan.drawn_faces.head import Head
from colorgan.drawn_faces.light import develop, light_person
from colorgan.drawn_faces.traits import sample_traits


def draw_face(seed: int, number: int) -> NDArray[np.uint8]:
    """Portrait `number` of the set that `seed` names: BGR, (218, 178, 3), uint8."""
    rng = np.random.default_rng([seed, number])
    traits = sample_traits(rng)
    background = draw_background(traits, rng)
    head = Head(traits)
    canvas = Canvas.blank()
    hair = grow_hair(head, traits, rng)
    if traits.hair_style in ("long", "medium"):
        paint_back_hair(canvas, hair)
    paint_torso(canvas, head, traits, rng)
    paint_ears(canvas, head, traits)
    paint_face(canvas, head, traits, rng)
    if traits.glasses:
        paint_glasses(canvas, head, traits)
    paint_front_hair(canvas, head, hair, traits)
    picture = light_person(canvas, traits)
    scene = background * traits.light_color
    mix(scene, picture, canvas.figure)
    return develop(scene, traits, rng)
