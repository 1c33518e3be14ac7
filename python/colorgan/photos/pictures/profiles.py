"""Colour profiles: carries that of a gray photo over to the coloured one.

The result keeps the photo's gray levels to the last bit, and the photo's profile says how bright to
show them. The colours are ours, in sRGB. So the result gets the tone curve of the photo's profile
with the primaries of sRGB. Then a viewer shows every gray as bright as before, and no colour
stronger than it was meant, as wider primaries would. A profile with sRGB's primaries is kept as it
is. A profile without a tone curve, such as one for inks, says nothing about RGB, and is dropped.
"""

import struct

from PIL import ImageCms

_HEADER, _ENTRY = 128, 12
_PRIMARIES = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_NEAR = 0.002
_SRGB_GAMMA = 2.2
_NAME = "The photo's tone curve with the primaries of sRGB"


def carried_over(profile: bytes) -> bytes | None:
    """The profile for the coloured picture; None if there is none to be made of this one.

    ValueError or struct.error if the profile is damaged.
    """
    if profile[36:40] != b"acsp":
        raise ValueError("no colour profile")
    space, connection = profile[16:20], profile[20:24]
    tags = _tags(profile)
    if space == b"RGB " and all(
        name in tags and _is_near(tags[name], values) for name, values in _PRIMARIES.items()
    ):
        return profile
    curve = tags.get({b"GRAY": b"kTRC", b"RGB ": b"gTRC"}.get(space, b""))
    if curve is None or connection != b"XYZ " or curve[:4] not in (b"curv", b"para"):
        return None
    return _with_curve(curve)


def of_gamma(gamma: float | None) -> bytes | None:
    """The profile for levels that are light to the power of `gamma`, as a PNG without one says.

    None if they look as those of sRGB do, or if nobody can mean that.
    """
    if gamma is None or not 0.1 < gamma < 3 or abs(gamma * _SRGB_GAMMA - 1) < 0.05:
        return None
    return _with_curve(b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 / gamma)))


def _with_curve(curve: bytes) -> bytes:
    """A profile with this tone curve and the primaries of sRGB."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    name = _NAME.encode("utf-16-be")
    description = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(name), 28) + name
    changed = {b"desc": description, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _assembled(srgb[:_HEADER], {**_tags(srgb), **changed})


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, _HEADER)
    if not 0 < count <= 100:
        raise ValueError("no table of tags")
    places = [
        struct.unpack_from(">4sII", profile, _HEADER + 4 + _ENTRY * number)
        for number in range(count)
    ]
    if any(at + size > len(profile) for _, at, size in places):
        raise ValueError("cut off")
    return {name: profile[at : at + size] for name, at, size in places}


def _is_near(tag: bytes, values: tuple[float, float, float]) -> bool:
    stored = struct.unpack_from(">3i", tag, 8)
    return all(
        abs(number / 65536 - value) < _NEAR for number, value in zip(stored, values, strict=True)
    )


def _assembled(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile with these tags; equal ones are stored once."""
    table, data, places = bytearray(struct.pack(">I", len(tags))), bytearray(), {}
    start = _HEADER + 4 + _ENTRY * len(tags)
    for name, tag in tags.items():
        if tag not in places:
            places[tag] = start + len(data)
            data += tag + bytes(-len(tag) % 4)
        table += struct.pack(">4sII", name, places[tag], len(tag))
    body = header[4:84] + bytes(16) + header[100:] + table + data  # 84 to 99: its checksum, or none
    return struct.pack(">I", 4 + len(body)) + body
