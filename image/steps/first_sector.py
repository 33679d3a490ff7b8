#!/usr/bin/env python3
"""image/steps/first_sector.py CARD: sets the first usable sector of a GPT to the one behind its entries.

genimage names the first partition's. Windows then moves the entries to right before that, as soon as the card is put into a PC,
and Raspberry Pi's boot loader from before October 2024 looks for them in sector 2 alone (raspberrypi/rpi-eeprom, issue 585;
home-assistant/operating-system, issue 3437).
"""

import struct
import sys
import zlib

SECTOR = 512
FIRST_USABLE = 34
# Where the header has the other header's place, the first usable sector, its own length and sum (UEFI, section 5.3.2).
OTHER, USABLE, LENGTH, SUM = 32, 40, 12, 16


def patched(header):
    header = bytearray(header)
    (length,) = struct.unpack_from("<I", header, LENGTH)
    struct.pack_into("<Q", header, USABLE, FIRST_USABLE)
    struct.pack_into("<I", header, SUM, 0)
    struct.pack_into("<I", header, SUM, zlib.crc32(header[:length]))
    return header


def main():
    with open(sys.argv[1], "r+b") as card:
        place = 1
        for _ in range(2):
            card.seek(place * SECTOR)
            header = card.read(SECTOR)
            if header[:8] != b"EFI PART":
                sys.exit(f"{sys.argv[1]}: sector {place} begins no partition table")
            card.seek(place * SECTOR)
            card.write(patched(header))
            (place,) = struct.unpack_from("<Q", header, OTHER)


main()
