#!/usr/bin/env python3
"""Makes x-psk.json from the description of X-PSK, with none of the package's code.

HMAC and SHA-256 come from Python's standard library, HKDF is written out below from RFC 5869, and ChaCha20 and
ChaCha20-Poly1305 come from OpenSSL through the `cryptography` package. Run it in this directory; it writes the same
octets every time.
"""
import hashlib
import hmac
import json

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

LETTERS = {"safe": "S", "private": "P", "confidential": "E"}
ROLES = ("initiator", "acceptor")


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(key, salt, info, length):
    """RFC 5869 §2.2 and §2.3."""
    prk = mac(salt, key)
    okm, block, count = b"", b"", 0
    while len(okm) < length:
        count += 1
        block = mac(prk, block, info, bytes([count]))
        okm += block
    return okm[:length]


# RFC 5869 appendix A.1.
assert hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42).hex() == (
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
)


def chacha20(key, nonce, data):
    """RFC 8439 §2.4, blocks counted from 0: OpenSSL takes the counter's four octets before the nonce."""
    encryptor = Cipher(algorithms.ChaCha20(key, bytes(4) + nonce), mode=None).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def token(keys, sender, level, number, plaintext):
    letter = LETTERS[level] if sender == "initiator" else LETTERS[level].lower()
    header = letter.encode() + number.to_bytes(8, "big")
    nonce = bytes(4) + number.to_bytes(8, "big")
    key = keys[f"{sender} {level}"]
    if level == "safe":
        return header + plaintext + mac(key, header, plaintext)
    if level == "private":
        return header + ChaCha20Poly1305(key).encrypt(nonce, plaintext, header)
    return header + chacha20(key, nonce, plaintext)


def case(name, shared, initiator_nonce, acceptor_nonce, messages):
    nonces = initiator_nonce + acceptor_nonce
    purposes = ["confirmation"] + [f"{role} {level}" for role in ROLES for level in LETTERS]
    keys = {purpose: hkdf(shared, nonces, f"X-PSK 1 {purpose}".encode(), 32) for purpose in purposes}
    confirmations = {role: mac(keys["confirmation"], role.encode(), nonces) for role in ROLES}
    return {
        "name": name,
        "key": shared.hex(),
        "initiator_nonce": initiator_nonce.hex(),
        "acceptor_nonce": acceptor_nonce.hex(),
        "security_data": [
            (b"\x01" + initiator_nonce).hex(),
            (acceptor_nonce + confirmations["acceptor"]).hex(),
            confirmations["initiator"].hex(),
        ],
        "tokens": [
            {
                "from": sender,
                "level": level,
                "number": str(number),
                "plaintext": plaintext.hex(),
                "token": token(keys, sender, level, number, plaintext).hex(),
            }
            for sender, level, number, plaintext in messages
        ],
    }


def octets(seed, length):
    return hashlib.shake_256(seed.encode()).digest(length)


def session():
    """Each direction counts its safe and private tokens together, and its confidential ones apart."""
    return [
        ("initiator", "private", 0, b"USER anna\r\n"),
        ("acceptor", "private", 0, b"331 Password, please\r\n"),
        ("initiator", "private", 1, b"PASS letmein\r\n"),
        ("acceptor", "safe", 1, b"230 Welcome\r\n"),
        ("initiator", "confidential", 0, b"PWD\r\n"),
        ("acceptor", "confidential", 0, b'257 "/"\r\n'),
        ("initiator", "safe", 2, b"NOOP\r\n"),
        ("acceptor", "safe", 2, b"200 Fine\r\n"),
        ("initiator", "confidential", 1, b"SYST\r\n"),
        ("acceptor", "private", 3, b""),
        ("acceptor", "confidential", 1, b""),
        ("acceptor", "safe", 4, b""),
        ("initiator", "private", 3, octets("long private", 1000)),
        ("initiator", "safe", 4, octets("long safe", 1000)),
        ("initiator", "confidential", 2, octets("long confidential", 1000)),
    ]


def far():
    """Numbers at the edges of what 32, 53, 63 and 64 bits hold; a safe and a private token never share one."""
    return [
        (role, level, number - 1 if level == "private" else number, b"NOOP\r\n")
        for number in (256, 2**32 - 1, 2**32 + 1, 2**53 + 1, 2**63, 2**64 - 1)
        for role in ROLES
        for level in LETTERS
    ]


def named(name, key_length, messages):
    key, initiator_nonce, acceptor_nonce = (
        octets(f"{name}: {what}", length) for what, length in (("key", key_length), ("initiator", 32), ("acceptor", 32))
    )
    return case(name, key, initiator_nonce, acceptor_nonce, messages)


CASES = [
    named("a session", 32, session()),
    named("the shortest key", 16, session()),
    named("a key longer than a block of SHA-256", 100, session()),
    named("high sequence numbers", 32, far()),
]

with open("x-psk.json", "w", encoding="ascii") as file:
    json.dump({"mechanism": "X-PSK", "cases": CASES}, file, indent=1)
    file.write("\n")
