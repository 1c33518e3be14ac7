"""Draws one portrait from its seed and number."""

import numpy as np

from colorgan.faces.drawn.backgrounds import draw_background
from colorgan.faces.drawn.brush import Canvas, mix
from colorgan.faces.drawn.clothes import paint_torso
from colorgan.faces.drawn.face import paint_ears, paint_face, paint_glasses
from colorgan.faces.drawn.hair import grow_hair, paint_back_hair, paint_front_hair
from colorgan.faces.drawn.head import Head
from colorgan.faces.drawn.light import develop, light_person
from colorgan.faces.drawn.traits import sample_traits


def draw_face(seed: int, number: int) -> np.ndarray:
    """Draw portrait `number` of the set with this `seed`: BGR, (218, 178, 3), uint8."""
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
