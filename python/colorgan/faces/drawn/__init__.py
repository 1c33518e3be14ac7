"""Synthetic portraits in CelebA's layout, drawn from scratch, without any photograph.

CelebA may not be passed on, so the default data of the commands are drawn. A head is a height field
(an ovoid with bumps for nose, brows, cheeks and lips) whose normals are lit in linear light; hair,
clothes and background are textured with noise. A face only depends on (seed, number).

As in photographs, gray says something about colour: lips are darker than the skin around them, pale
skin is pinker than tan skin, hair and brows match, and sky, foliage, brick and curtains have their
own textures. The rest is ambiguous on purpose: plain walls, shirts, ties, lipstick and the light's
colour have nearly the same gray for many colours.

`sample` writes a set to disk; `portrait` draws one face from its `traits`, part by part, with the
`brush` module that all parts share.

Inside this package, images are float32, linear light, BGR, in about [0, 1]. Points on the face are
in pixels of the 178x218 frame at scale 1, relative to the middle between the eyes, y downwards.
"""
