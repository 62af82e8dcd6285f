# SPDX-License-Identifier: GPL-2.0-or-later
"""python3 -m verifier package FILE --anchors OEM.pem | delivery FOLDER | device FILE --anchors MAKER.pem [--device-ca ROOT.pem]
| firmware FILE --anchors MAKER.pem | log FILE --anchors MAKER.pem [--after EARLIER]"""
import argparse
import pathlib
import sys
import time

from . import Refused
from .birth import Birth
from .certificate import read_pem
from .delivery import Verifier
from .firmware import Firmware
from .logfile import LogFile
from .package import Package


def certificates(path):
    """Of a PEM file."""
    return read_pem(pathlib.Path(path).read_text(encoding="utf-8"))


def main():
    """One file or folder."""
    parser = argparse.ArgumentParser(prog="verifier", description="check a package or a delivery without libprovpkg")
    parser.add_argument("kind", choices=["package", "firmware", "delivery", "device", "log"])
    parser.add_argument("path")
    parser.add_argument("--anchors", required=True, type=certificates, help="PEM: the OEM's for a package, else the card maker's")
    parser.add_argument("--device-ca", type=certificates, help="PEM: the root above the device certificates")
    parser.add_argument("--after", help="log: an earlier file or checkpoint")
    options = parser.parse_args()
    try:
        if options.kind == "package":
            package = Package(pathlib.Path(options.path).read_bytes(), options.anchors, int(time.time()))
            print(f"package {package.package_id.hex()}: right as far as it can be seen without a card's keys")
        elif options.kind == "firmware":
            fields = Firmware(pathlib.Path(options.path).read_bytes(), options.anchors, int(time.time())).fields
            print(f"firmware {fields['release']} for {fields['board']}, security version {fields['security_version']}: all right")
        elif options.kind == "device":
            says = Birth(options.path).check(options.anchors, options.device_ca)
            print(f"part {says['unit']['uid'].hex()}: record, proof, checkpoint and certificate are right")
        elif options.kind == "log":
            log = LogFile(options.path)
            log.check(options.anchors, options.after)
            print(f"log of card {log.card.serial}: {log.entries} entries of {log.checkpoint.size}: all right")
        else:
            verifier = Verifier(options.path, options.anchors, options.device_ca)
            end = verifier.check()
            print(f"job {end['package_id'].hex()}: {end['granted']} granted = {end['good']} good + {end['scrap']} scrap"
                  f" + {end['unused']} unused: all right; judged when the card says that it closed the job, by a clock that was"
                  f"{'' if verifier.time_authenticated else ' not'} set by a signed token")
    except Refused as refused:
        sys.exit(f"refused: {refused}")


main()
