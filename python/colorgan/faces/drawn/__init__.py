"""Synthetic portraits in CelebA's layout, drawn by this package alone (no photograph goes in).

CelebA may not be passed on, so the programs' default data are drawn: a head is a height field
(an ovoid with bumps for nose, brows, cheeks and lips), its normals are lit in linear light, and
hair, clothes and background are textured by noise. A face depends only on (seed, number).

Colour can partly be told from gray, as in photographs: lips are darker than the skin around them,
pale skin is pinker than tan skin, hair and brows agree, sky, foliage, brick and curtains have
textures of their own. The rest is left open on purpose: plain walls, shirts, ties, lipstick and
the colour of the light have nearly the same gray for many colours.

`sample` writes a set to disk; `portrait` draws one face from its `traits`, part by part, with the
`brush`es that all parts share.

Inside this package images are float32, linear light, BGR, about [0, 1]. Points on the face are in
pixels of the 178x218 frame at scale 1, relative to the middle between the eyes, y downwards.
"""
