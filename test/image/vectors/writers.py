"""Writers for what Pillow reads but does not write: bit depths, interlacing, tRNS, frames off the screen, run lengths.
Each takes samples as numpy arrays and gives a file's bytes, by the format's own specification."""
import struct
import zlib

import numpy as np

# PNG (ISO/IEC 15948), Adam7: first column, first row, step in x, step in y
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_filtered(rows, pixel_bytes):
    """Every row with the next of the five filters, so that each meets each."""
    out, above = b"", None
    for number, row in enumerate(rows):
        row = np.frombuffer(row, np.uint8).astype(int)
        up = np.zeros_like(row) if above is None else above
        left = np.concatenate([np.zeros(pixel_bytes, int), row])[: len(row)]
        corner = np.concatenate([np.zeros(pixel_bytes, int), up])[: len(row)]
        guess = left + up - corner
        distance = [abs(guess - left), abs(guess - up), abs(guess - corner)]
        a_first = (distance[0] <= distance[1]) & (distance[0] <= distance[2])
        paeth = np.where(a_first, left, np.where(distance[1] <= distance[2], up, corner))
        kind = number % 5
        out += bytes([kind]) + ((row - [0 * row, left, up, (left + up) // 2, paeth][kind]) % 256).astype(np.uint8).tobytes()
        above = row
    return out


def png(samples, depth, color, before=b"", after=b"", interlaced=False):
    """samples: [height, width, channels], values below 2^depth. before, after: chunks around the pixels."""
    height, width, channels = samples.shape

    def pack(row):
        if depth == 16:
            return row.astype(">u2").tobytes()
        bits = [[value >> (depth - 1 - k) & 1 for k in range(depth)] for value in row.reshape(-1).astype(int)]
        return np.packbits(np.array(bits, np.uint8)).tobytes()

    def passes():
        for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
            part = samples[y::dy, x::dx]
            if part.size:
                yield png_filtered([pack(row) for row in part], max(1, depth * channels // 8))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(passes()), 9)
    chunks = png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", data) + after + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def gif_palette(colors):
    """Size field and bytes of a colour table, filled up to a power of two."""
    field = max(1, (len(colors) - 1).bit_length()) - 1
    return field, np.array(colors, np.uint8).tobytes() + bytes(3 * (2 ** (field + 1) - len(colors)))


def gif(screen, frames, colors=None):
    """screen: (width, height). frames: dicts with indices [h, w], left, top, colors, transparent, interlaced.
    LZW without compression: a clear code before the codes grow."""
    out = b"GIF89a" + struct.pack("<HH", *screen)
    if colors is not None:
        field, table = gif_palette(colors)
        out += bytes([0x80 | field, 0, 0]) + table
    else:
        out += bytes(3)
    for frame in frames:
        indices, transparent = frame["indices"], frame.get("transparent")
        out += b"\x21\xf9\x04" + struct.pack("<BHBx", transparent is not None, 10, transparent or 0)
        flags, table = 0, b""
        if frame.get("colors") is not None:
            field, table = gif_palette(frame["colors"])
            flags = 0x80 | field
        rows = range(len(indices))
        if frame.get("interlaced"):
            flags |= 0x40
            rows = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, len(indices), step)]
        height, width = indices.shape
        out += b"," + struct.pack("<HHHHB", frame.get("left", 0), frame.get("top", 0), width, height, flags) + table
        bits, used = 0, 0
        for number, index in enumerate(int(v) for y in rows for v in indices[y]):
            if number % 100 == 0:
                bits, used = bits | 256 << used, used + 9
            bits, used = bits | index << used, used + 9
        bits, used = bits | 257 << used, used + 9
        data = bits.to_bytes((used + 7) // 8, "little")
        blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
        out += b"\x08" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return out + b";"


def bmp(width, height, bits, body, palette=b"", masks=None, compression=None, core=False):
    """height < 0: top row first. masks: red, green, blue, alpha for bit fields (a V4 header). core: OS/2's short header."""
    if core:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        kind = compression if compression is not None else 3 if masks else 0
        fields = struct.pack("<4I", *masks) + b"BGRs" + bytes(48) if masks else b""
        colors = len(palette) // 4
        info = struct.pack("<IiiHHIIiiII", 40 + len(fields), width, height, 1, bits, kind, len(body), 2835, 2835, colors, 0) + fields
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + palette + body


def bmp_rows(rows, bits):
    """Rows of samples or packed pixels, bottom first, each filled up to four bytes."""
    out = b""
    for row in reversed(rows):
        if bits < 8:
            digits = [[value >> (bits - 1 - k) & 1 for k in range(bits)] for value in np.asarray(row, int)]
            row = np.packbits(np.array(digits, np.uint8))
        data = np.ascontiguousarray(row).tobytes()
        out += data + bytes(-len(data) % 4)
    return out


def webp(chunks):
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def u24(value):
    return struct.pack("<I", value)[:3]


def exif(orientation, big_endian=False, entries_before=0):
    """A TIFF block whose one directory holds the orientation after some other entries."""
    order = ">" if big_endian else "<"
    other = b"".join(struct.pack(order + "HHII", 0x100 + k, 4, 1, 6) for k in range(entries_before))
    entry = struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0)
    count = struct.pack(order + "H", entries_before + 1)
    return (b"MM" if big_endian else b"II") + struct.pack(order + "HI", 42, 8) + count + other + entry + bytes(4)
