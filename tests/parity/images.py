#!/usr/bin/env python3
"""Makes images of every kind that a data set may hold, and what Pillow makes of each.

    images.py FOLDER

writes the images, `table.json`, and next to each accepted image its pixels after `convert("RGB")` and the resize:
`NAME.squash` (SQUASH x SQUASH, aspect ratio lost) and `NAME.crop` (shortest side to CROP, then the centre), as bytes
in rows, columns, channels. Everything follows from one seed. torchvision's Resize of a Pillow image is Pillow's own
`resize` with BILINEAR, and its CenterCrop is the `crop` below; `--torchvision` has both checked against the real ones.
"""

import base64
import io
import json
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy
from PIL import Image, ImageFile

SEED = 20260
SQUASH = 64
CROP = 48

# Arithmetic coding, sequential and progressive: Pillow reads but does not write it. Made with jpegtran -arithmetic.
ARITHMETIC = {
    "sequential": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/yQARCAAgACgDASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/AD425zOXI2pI4UdJ6+JMFI9PwKpahtI7Yzpj+r/+OrVgq/z1j3Wqgh6bVwRUMoQtWs//AAULUuKytR/r6KUs7W9xd5haIR88LudL4Q8bV9hyki9jCmwRTrIq5Svu2GIukMYm0ofeLNHZHSu0qohI3jR7o1J3s/25TjCuxwtMMFSG1Q4gbvhwLwahMyV6Asg7M86swmc9VPal7GkmzsYuqZ92WN1KqOxF8dj+jwWmYL12yVYnCTVs9+wjZTwFvUENcu7kK97xMVJoe0PfV0g3EKK2eYQJXJD12omRjOydxOivfzMrSVIDLr6/eoicGMTsJhQUlL+kZWE87aBbYP/Z",
    "progressive": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/ygARCAAgACgDASIAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAAAf59LfsHBHp3xOz0/JS9IOloH8u1XgSnPQAqDe8w/8wABBAF/9oACAEBAAEFAhgGOumVBI/xENOIvSHMPjurL7h/v3BRqtBUZMD/zAAEEQX/2gAIAQMBAT8BYMvlNfTBqkJnLbzqX/xPIP/MAAQRBf/aAAgBAgEBPwEl8h2Bua6tBHgJVtTMOP/MAAQQBf/aAAgBAQAGPwLrlNEsTED/zAAEEAX/2gAIAQEAAT8h+9NhAdkXXtpnIMvL+3WrlamJWNnzAfk0SrdAc4CzHplotzRpRaqi8RIX2P/aAAwDAQACAAMAAAAQ9jvhkGj/zAAEEQX/2gAIAQMBAT8QtF0C3jAMlw4WtcohTxOZxqj/zAAEEQX/2gAIAQIBAT8QiCnnZDVAXrB6IgI2/8wABBAF/9oACAEBAAE/ELECxUCMfiabwEoZk6hsvYtfISCfyhGGlXtufUpFokd+sHkXiem2cDx1qthi0N6oROMmNPtOEH/n20+HCrxrylnc0EeZIB+7XWe3zcADqG3/2Q==",
}


def texture(random, width, height):
    """Smooth shapes, edges and grain, as in a photograph."""
    total = numpy.full((height, width, 3), 118.0)
    for cells, weight in ((3, 60), (9, 35), (31, 16)):
        coarse = random.normal(0, 1, (cells, cells, 3)).astype(numpy.float32)
        for channel in range(3):
            plane = Image.fromarray(coarse[:, :, channel]).resize((width, height), Image.Resampling.BICUBIC)
            total[:, :, channel] += weight * numpy.asarray(plane)
    rows, columns = numpy.mgrid[0:height, 0:width]
    for _ in range(4):
        distance = (columns - random.uniform(0, width)) ** 2 + (rows - random.uniform(0, height)) ** 2
        total[distance < random.uniform(3, 40) ** 2] += random.uniform(-70, 70, 3)
    total += random.normal(0, 5, (height, width, 1))
    return Image.fromarray(numpy.clip(total, 0, 255).astype(numpy.uint8))


def saved(image, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# JPEG, marker by marker.


def segments(data):
    """(marker, place, length with its two marker bytes) of each segment before the entropy-coded data."""
    place = 2
    while place + 4 <= len(data):
        marker = data[place + 1]
        length = 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
        yield marker, place, length
        if marker == 0xDA:
            return
        place += length


def find(data, *markers):
    return next((place, length) for marker, place, length in segments(data) if marker in markers)


def without(data, marker):
    place, length = find(data, marker)
    return data[:place] + data[place + length :]


def patched(data, place, *values):
    return data[:place] + bytes(values) + data[place + len(values) :]


def resampled(data, factors, width, height):
    """The same blocks under other sampling factors of the first component: another image, as valid as before."""
    place, _ = find(data, 0xC0, 0xC2)
    data = patched(data, place + 5, height >> 8, height & 255, width >> 8, width & 255)
    return patched(data, place + 11, factors)


def entropy_start(data):
    place, length = find(data, 0xDA)
    return place + length


def flipped(random, data, begin, end, count):
    damaged = bytearray(data)
    for place in random.integers(begin, end, count):
        damaged[place] ^= int(random.integers(1, 256))
    return bytes(damaged)


def jpegs(random):
    sizes = [(213, 160), (160, 213), (1, 1), (1, 9), (9, 1), (2, 3), (7, 5), (8, 8), (15, 17), (16, 16), (33, 31)]
    sizes += [(48, 48), (64, 64), (64, 48), (63, 65), (128, 64), (200, 160), (161, 241), (500, 375), (300, 20), (11, 400)]
    for width, height in sizes:
        for subsampling in (0, 1, 2):
            options = {"quality": int(random.integers(40, 97)), "subsampling": subsampling}
            if random.random() < 0.4:
                options["progressive"] = True
            yield f"rgb-{width}x{height}-s{subsampling}", saved(texture(random, width, height), **options)
    for width, height in sizes[::3]:
        image = texture(random, width, height)
        yield f"grey-{width}x{height}", saved(image.convert("L"), quality=80)
        yield f"grey-progressive-{width}x{height}", saved(image.convert("L"), progressive=True)
        yield f"progressive-{width}x{height}", saved(image, progressive=True, quality=85)
    yield from colours(random)
    yield from sampled(random)
    yield from described(random)
    for quality in (1, 5, 20, 60, 95, 100):
        yield f"quality-{quality}", saved(texture(random, 120, 90), quality=quality)
        yield f"restart-{quality}", saved(texture(random, 100, 120), quality=quality, restart_marker_blocks=3)
    for name, text in ARITHMETIC.items():
        yield f"arithmetic-{name}", base64.b64decode(text)


def colours(random):
    for width, height in ((90, 70), (33, 65)):
        image = texture(random, width, height)
        four = numpy.concatenate([numpy.asarray(image), numpy.asarray(texture(random, width, height))[:, :, :1]], axis=2)
        cmyk = saved(Image.fromarray(four, "CMYK"), quality=90)
        adobe, _ = find(cmyk, 0xEE)
        yield f"cmyk-adobe-{width}", cmyk
        yield f"cmyk-plain-{width}", without(cmyk, 0xEE)
        yield f"ycck-{width}", patched(cmyk, adobe + 15, 2)
        yield f"cmyk-odd-transform-{width}", patched(cmyk, adobe + 15, 1)
        yield f"cmyk-progressive-{width}", saved(Image.fromarray(four, "CMYK"), progressive=True)
        yield f"cmyk-converted-{width}", saved(image.convert("CMYK"), quality=80)
        rgb = saved(image, keep_rgb=True, quality=90)
        adobe, _ = find(rgb, 0xEE)
        yield f"rgb-adobe-{width}", rgb
        yield f"rgb-by-names-{width}", without(rgb, 0xEE)
        yield f"rgb-odd-transform-{width}", patched(rgb, adobe + 15, 1)
        frame, _ = find(rgb, 0xC0)
        names = [frame + 10, frame + 13, frame + 16]
        yield f"rgb-lower-names-{width}", without(patched(rgb, names[0], ord("r")), 0xEE)


def sampled(random):
    """Sampling factors that Pillow does not write, on the blocks of those that it does."""
    two = saved(texture(random, 128, 64), subsampling=1, quality=85)
    four = saved(texture(random, 128, 96), subsampling=2, quality=85)
    for name, options in (("440", {}), ("440-progressive", {"progressive": True})):
        data = saved(texture(random, 128, 64), subsampling=1, quality=85, **options)
        for width, height in ((64, 128), (61, 123), (128, 64)):
            yield f"{name}-{width}x{height}", resampled(data, 0x12, width, height)
    yield "411", resampled(four, 0x41, 128, 96)
    yield "411-narrow", resampled(four, 0x41, 125, 91)
    yield "410-like", resampled(four, 0x14, 64, 192)
    place, _ = find(two, 0xC0)
    yield "chroma-finer", patched(patched(two, place + 11, 0x11), place + 14, 0x21)
    yield "one-chroma-coarse", patched(two, place + 17, 0x21)
    yield "factor-zero", patched(two, place + 11, 0x00)
    yield "factor-five", patched(two, place + 11, 0x51)


def described(random):
    """Everything that is written about an image and shall change nothing."""
    image = texture(random, 120, 80)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation-{orientation}", saved(image, exif=exif, quality=80)
    yield "exif-nonsense", saved(image, exif=b"Exif\0\0" + bytes(random.integers(0, 256, 40, dtype=numpy.uint8)))
    yield "profile", saved(image, icc_profile=bytes(random.integers(0, 256, 3000, dtype=numpy.uint8)))
    yield "profile-in-parts", saved(image, icc_profile=bytes(random.integers(0, 256, 150_000, dtype=numpy.uint8)))
    yield "comment", saved(image, comment=b"a comment\xff\xd8\xff")
    buffer = io.BytesIO()
    image.save(buffer, "MPO", save_all=True, append_images=[texture(random, 40, 40)])
    yield "two-in-one", buffer.getvalue()
    plain = saved(image, quality=80)
    yield "16-bit-tables", wide_tables(plain)
    for name, app in apps():
        yield f"app-{name}", plain[:2] + app + plain[2:]


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def apps():
    yield "short-jfif", segment(0xE0, b"JFIF\0")
    yield "jfif-no-density", segment(0xE0, b"JFIF\0\1\1")
    yield "short-adobe", segment(0xEE, b"Adobe")
    yield "adobe-no-transform", segment(0xEE, b"Adobe\0\x64\0\0\0\0")
    yield "short-profile", segment(0xE2, b"ICC_PROFILE\0")
    yield "photoshop", segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x10" + bytes(16))
    yield "photoshop-cut", segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed")
    yield "photoshop-cut-earlier", segment(0xED, b"Photoshop 3.0\x008BIM\x03")
    yield "empty", segment(0xE5, b"")
    yield "length-zero", b"\xff\xe5\0\0"
    yield "length-one", b"\xff\xe5\0\1"
    yield "bad-tables", segment(0xDB, bytes(30))
    yield "tables-none", segment(0xDB, b"")
    yield "tables-many", segment(0xDB, b"\x05" + bytes(range(64)))
    yield "hierarchical", segment(0xDE, b"\x08\0\x50\0\x78\3\1\x22\0\2\x11\1\3\x11\1")
    yield "number-of-lines", segment(0xDC, b"\0\x10")
    yield "second-start", b"\xff\xd8"
    yield "early-end", b"\xff\xd9"
    yield "restart", b"\xff\xd3"
    yield "reserved", b"\xff\x02\0\4ab"
    yield "temporary", b"\xff\x01"
    yield "escaped", b"\xff\0"
    yield "fill", b"\xff\xff\xff"
    yield "junk", b"junk between markers"
    yield "junk-like-marker", b"\x00\xff\x00\xff\x00"


def wide_tables(data):
    """The same quantisation tables, written with 16 bits an entry, one table a segment."""
    place, length = find(data, 0xDB)
    body = data[place + 4 : place + length]
    wide = b"".join(b"\0" + bytes([value]) for value in body[1:65])
    return data[:place] + segment(0xDB, bytes([0x10 | body[0]]) + wide) + segment(0xDB, body[65:]) * bool(body[65:]) + data[place + length :]


def damaged(random):
    plain = saved(texture(random, 160, 120), quality=80)
    progressive = saved(texture(random, 120, 160), quality=80, progressive=True)
    restarts = saved(texture(random, 128, 128), quality=80, restart_marker_blocks=4)
    grey = saved(texture(random, 60, 80).convert("L"), quality=70)
    large = saved(texture(random, 900, 700), quality=96, subsampling=0)
    yield "empty", b""
    for name, data in (("plain", plain), ("progressive", progressive), ("restarts", restarts), ("grey", grey), ("large", large)):
        body = entropy_start(data)
        yield f"no-end-{name}", data[:-2]
        yield f"half-end-{name}", data[:-1]
        for cut in (3, 5, 9, 30):
            yield f"cut-{cut}-{name}", data[:-cut]
        for share in (0.02, 0.5, 0.9):
            yield f"truncated-{share}-{name}", data[: body + int(share * (len(data) - body))]
        yield f"truncated-ended-{name}", data[: (body + len(data)) // 2] + b"\xff\xd9"
        yield f"truncated-filled-{name}", data[: (body + len(data)) // 2] + bytes(len(data))
        yield f"garbage-after-{name}", data + bytes(random.integers(0, 256, 5000, dtype=numpy.uint8))
        yield f"twice-{name}", data + data
        for count in (1, 2, 8):
            for time in range(2):
                yield f"flipped-{count}-{time}-{name}", flipped(random, data, body, len(data) - 2, count)
    for marker in range(0xD0, 0xDA):
        middle = (entropy_start(plain) + len(plain)) // 2
        yield f"marker-{marker:x}-inside", plain[:middle] + bytes([0xFF, marker]) + plain[middle:]
        restart = (entropy_start(restarts) + len(restarts)) // 2
        yield f"marker-{marker:x}-inside-restarts", restarts[:restart] + bytes([0xFF, marker]) + restarts[restart:]
    for time in range(24):
        source = (plain, progressive, restarts, grey)[time % 4]
        yield f"header-flipped-{time}", flipped(random, source, 2, entropy_start(source), 1 + time % 3)
    yield from misleading(plain, progressive)


def misleading(plain, progressive):
    frame, _ = find(plain, 0xC0)
    yield "garbage-before", b"x" + plain
    yield "start-only", plain[:2]
    yield "start-and-marker", plain[:3]
    yield "tables-only", plain[:frame] + b"\xff\xd9"
    yield "12-bit", patched(plain, frame + 4, 12)
    yield "height-zero", patched(plain, frame + 5, 0, 0)
    yield "width-zero", patched(plain, frame + 7, 0, 0)
    yield "taller-than-data", patched(plain, frame + 5, 0, 200)
    yield "shorter-than-data", patched(plain, frame + 5, 0, 60)
    yield "narrower-than-data", patched(plain, frame + 7, 0, 100)
    yield "two-layers", patched(plain, frame + 9, 2)
    yield "five-layers", patched(plain, frame + 9, 5)
    for marker in (0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD):
        yield f"frame-{marker:x}", patched(plain, frame + 1, marker)
    frame, _ = find(progressive, 0xC2)
    yield "progressive-as-baseline", patched(progressive, frame + 1, 0xC0)
    place, length = find(plain, 0xC4)
    yield "no-codes", plain[:place] + plain[entropy_start(plain) - 14 :]
    place, length = find(plain, 0xDB)
    yield "no-tables", plain[:place] + plain[place + length :]
    yield "cut-in-header", plain[: place + 20]


# PNG, chunk by chunk.

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name, body, check=0):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ check)


def filtered(random, width, height, colour, depth, interlaced):
    """Rows under all five filters. Any bytes are valid rows, so no filter has to be applied, only undone."""
    rows = []
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns = (width - left + across - 1) // across
        lines = (height - top + down - 1) // down
        for line in range(lines if columns > 0 else 0):
            length = (columns * CHANNELS[colour] * depth + 7) // 8
            rows.append(bytes([line % 5]) + bytes(random.integers(0, 256 if line % 5 == 0 else 6, length, dtype=numpy.uint8)))
    return b"".join(rows)


def head(width, height, colour, depth, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(random, width, height, colour, depth, interlaced=0, extra=b"", palette=None):
    parts = [SIGNATURE, head(width, height, colour, depth, interlaced)]
    if colour == 3:
        entries = palette if palette is not None else 1 << depth
        parts.append(chunk(b"PLTE", bytes(random.integers(0, 256, 3 * entries, dtype=numpy.uint8))))
    body = zlib.compress(filtered(random, width, height, colour, depth, interlaced))
    half = len(body) // 2
    parts += [extra, chunk(b"IDAT", body[:half]), chunk(b"IDAT", body[half:]), chunk(b"IEND", b"")]
    return b"".join(parts)


def pngs(random):
    kinds = [(0, depth) for depth in (1, 2, 4, 8, 16)] + [(3, depth) for depth in (1, 2, 4, 8)]
    kinds += [(colour, depth) for colour in (2, 4, 6) for depth in (8, 16)]
    for colour, depth in kinds:
        for interlaced in (0, 1):
            for width, height in ((70, 50), (5, 3)):
                yield f"png-c{colour}-d{depth}-i{interlaced}-{width}", png(random, width, height, colour, depth, interlaced)
    transparent = {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\0\x80\xff\x10"}
    for colour, depth in kinds:
        if colour in transparent:
            extra = chunk(b"tRNS", transparent[colour][: 1 << depth] if colour == 3 else transparent[colour])
            yield f"png-transparent-c{colour}-d{depth}", png(random, 40, 60, colour, depth, 0, extra)
    image = texture(random, 213, 160)
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
        converted = Image.fromarray(numpy.asarray(image.convert("L")).astype(numpy.uint16) * 3) if mode == "I;16" else image.convert(mode)
        yield f"png-natural-{mode.replace(';', '')}", saved(converted, "PNG")
    yield "png-16-over", saved(Image.fromarray(numpy.asarray(image.convert("L")).astype(numpy.uint16) * 257), "PNG")
    yield from odd_pngs(random)


def odd_pngs(random):
    good = png(random, 30, 20, 2, 8)
    body = good.index(b"IDAT")
    yield "png-short-palette", png(random, 30, 20, 3, 8, palette=7)
    yield "png-palette-missing", png(random, 30, 20, 3, 8).replace(b"PLTE", b"pLTE")
    yield "png-gamma", png(random, 30, 20, 2, 8, extra=chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "png-text", png(random, 30, 20, 2, 8, extra=chunk(b"tEXt", b"Title\0words"))
    yield "png-bits", png(random, 30, 20, 2, 8, extra=chunk(b"sBIT", b"\5\6\5"))
    yield "png-background", png(random, 30, 20, 6, 8, extra=chunk(b"bKGD", b"\0\1\0\2\0\3"))
    yield "png-unknown-chunk", png(random, 30, 20, 2, 8, extra=chunk(b"quAQ", b"abc"))
    yield "png-check-of-unknown", png(random, 30, 20, 2, 8, extra=chunk(b"quAQ", b"abc", 1))
    yield "png-check-of-gamma", png(random, 30, 20, 2, 8, extra=chunk(b"gAMA", struct.pack(">I", 100000), 1))
    yield "png-check-of-head", patched(good, 29, good[29] ^ 1)
    second = good.index(b"IDAT", body + 4)
    yield "png-check-of-data", patched(good, second - 5, good[second - 5] ^ 1)
    yield "png-check-of-last-data", patched(good, len(good) - 13, good[-13] ^ 1)
    yield "png-check-of-end", patched(good, len(good) - 1, good[-1] ^ 1)
    yield "png-sum-of-data", reinflated(good, lambda stream: stream[:-1] + bytes([stream[-1] ^ 1]))
    yield "png-stream-cut", reinflated(good, lambda stream: stream[: len(stream) // 2])
    yield "png-stream-no-sum", reinflated(good, lambda stream: stream[:-4])
    yield "png-stream-longer", reinflated(good, lambda stream: zlib.compress(zlib.decompress(stream) + bytes(500)))
    yield "png-stream-then-more", reinflated(good, lambda stream: stream + b"more")
    yield "png-stream-shorter", reinflated(good, lambda stream: zlib.compress(zlib.decompress(stream)[:-100]))
    yield "png-filter-nine", reinflated(good, lambda stream: zlib.compress(b"\x09" + zlib.decompress(stream)[1:]))
    yield "png-no-end", good[:-12]
    yield "png-no-end-no-check", good[:-16]
    for share in (0.1, 0.5, 0.9):
        yield f"png-truncated-{share}", good[: int(share * len(good))]
    yield "png-garbage-after", good + b"garbage"
    yield "png-signature-only", good[:8]
    yield "png-no-data", good[: body - 4] + good[-12:]
    for name, header in (("width", (0, 5, 2, 8)), ("depth", (5, 5, 2, 4)), ("colour", (5, 5, 5, 8)), ("deep", (5, 5, 3, 16))):
        yield f"png-bad-{name}", SIGNATURE + head(*header) + good[33:]
    yield "png-bad-interlace", SIGNATURE + head(30, 20, 2, 8, 2) + good[33:]
    yield "png-flipped", flipped(random, good, 60, len(good) - 20, 3)
    buffer = io.BytesIO()
    frames = [texture(random, 40, 30) for _ in range(3)]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    yield "png-animated", buffer.getvalue()


def reinflated(data, change):
    """The image with its compressed stream changed, in one chunk with a right check sum."""
    stream, place, first = b"", 8, None
    while place < len(data):
        length = struct.unpack(">I", data[place : place + 4])[0]
        if data[place + 4 : place + 8] == b"IDAT":
            first = place if first is None else first
            stream += data[place + 8 : place + 8 + length]
        place += 12 + length
    return data[:first] + chunk(b"IDAT", change(stream)) + chunk(b"IEND", b"")


def others(random):
    """Formats that Pillow knows and hlb-bench does not: refused, by name."""
    image = texture(random, 30, 20)
    for kind in ("GIF", "BMP", "WEBP", "TIFF"):
        yield f"other-{kind.lower()}", saved(image, kind), {"WEBP": "WebP"}.get(kind, kind)
    yield "other-tiff-big-endian", b"MM\0\x2a" + bytes(20), "TIFF"
    yield "text", b"this is not an image at all", None
    yield "page", b"<!DOCTYPE html><html></html>", None


# What Pillow makes of an image.


def shortest_side(image, side):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    other = int(side * long / short)
    image = image.resize((side, other) if width <= height else (other, side), Image.Resampling.BILINEAR)
    left, top = int(round((image.size[0] - side) / 2.0)), int(round((image.size[1] - side) / 2.0))
    return image.crop((left, top, left + side, top + side))


def squashed(image, side):
    return image.resize((side, side), Image.Resampling.BILINEAR)


def decoded(data):
    """(image, None), or (None, why not)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data)).convert("RGB"), None
    except Exception as error:  # Pillow raises many kinds: whatever it is, the image is refused.
        return None, f"{type(error).__name__}: {error}"


def check_torchvision(image):
    from torchvision import transforms

    squash = transforms.Resize((SQUASH, SQUASH))(image)
    crop = transforms.CenterCrop(CROP)(transforms.Resize(CROP)(image))
    assert squash.tobytes() == squashed(image, SQUASH).tobytes()
    assert crop.tobytes() == shortest_side(image, CROP).tobytes()


def main():
    folder = Path(sys.argv[1])
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    table = []
    numbered = numpy.random.default_rng
    makers = [jpegs, damaged, pngs, others]
    rows = [row for index, make in enumerate(makers) for row in make(numbered(SEED + index))]
    for name, data, *unknown in rows:
        file = f"{len(table):03}-{name}.JPEG"
        (folder / file).write_bytes(data)
        image, refused = (None, "another format") if unknown else decoded(data)
        table.append({"file": file, "refused": refused, "format": unknown[0] if unknown else None})
        if image is not None:
            (folder / f"{file}.squash").write_bytes(squashed(image, SQUASH).tobytes())
            (folder / f"{file}.crop").write_bytes(shortest_side(image, CROP).tobytes())
            if "--torchvision" in sys.argv:
                check_torchvision(image)
    document = {"squash": SQUASH, "crop": CROP, "pillow": Image.__version__, "images": table}
    (folder / "table.json").write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
