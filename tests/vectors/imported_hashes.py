"""Makes imported_hashes.jsonl: hashes by other tools than this system, each with its password and its maker.

    python3.11 -m venv venv
    venv/bin/pip install argon2-cffi==25.1.0 bcrypt==5.0.0 Django==5.2.19 passlib==1.7.4
    venv/bin/python tests/vectors/imported_hashes.py > tests/vectors/imported_hashes.jsonl

crypt is of Python 3.11 on Debian 12, that is libxcrypt 4.4. Salts are random: each run makes others.
"""

import crypt
import json

import argon2
import bcrypt
import django
from django.conf import settings
from django.contrib.auth import hashers
from passlib import hash as passlib

settings.configure(
    PASSWORD_HASHERS=[
        f"django.contrib.auth.hashers.{name}PasswordHasher"
        for name in ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt"]
    ]
)

PASSWORD = "Zwölf Boxkämpfer jagen Viktor"
SHORT = "tr0ub4dor"


def cffi(kind, **costs):
    return argon2.PasswordHasher(type=kind, **costs).hash(PASSWORD)


def django_by(algorithm):
    return hashers.make_password(PASSWORD, hasher=algorithm)


def vectors():
    bytes_ = PASSWORD.encode()
    cffi_name = "argon2-cffi 25.1.0"
    yield cffi_name, PASSWORD, cffi(argon2.Type.ID)
    yield cffi_name, PASSWORD, cffi(argon2.Type.I, time_cost=4, memory_cost=8192, parallelism=1)
    yield cffi_name, PASSWORD, cffi(argon2.Type.D, time_cost=1, memory_cost=1024, parallelism=2, hash_len=64)
    # Before version 1.3 the form had no version.
    old = argon2.low_level.hash_secret(bytes_, b"saltsaltsalt", 2, 4096, 1, 32, argon2.Type.I, version=16)
    yield f"{cffi_name}, version 1.0", PASSWORD, old.decode().replace("$v=16", "")

    yield f"bcrypt {bcrypt.__version__}", PASSWORD, bcrypt.hashpw(bytes_, bcrypt.gensalt(10)).decode()
    yield f"bcrypt {bcrypt.__version__}", SHORT, bcrypt.hashpw(SHORT.encode(), bcrypt.gensalt(6, b"2a")).decode()
    # Longer than the 72 bytes that bcrypt sees: other tools cut it off, this one wants that done by its caller.
    long = "All that glisters is not gold; often have you heard that told: many a man his life hath sold"
    cut = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(6)).decode()
    yield f"bcrypt {bcrypt.__version__}, cut at 72 bytes", long, cut
    yield "crypt(3), libxcrypt", PASSWORD, crypt.crypt(PASSWORD, "$2y$08$" + "abcdefghijklmnopqrstuu")
    yield "crypt(3), libxcrypt", PASSWORD, crypt.crypt(PASSWORD, "$7$CU..../....SodiumChloride")

    for name in ["pbkdf2_sha1", "pbkdf2_sha256", "pbkdf2_sha512", "scrypt"]:
        yield "passlib 1.7.4", PASSWORD, getattr(passlib, name).hash(PASSWORD)

    for name in ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt"]:
        yield f"Django {django.__version__}", PASSWORD, django_by(name)


for made_by, password, hash_ in vectors():
    print(json.dumps({"made_by": made_by, "password": password, "hash": hash_}, ensure_ascii=False))
