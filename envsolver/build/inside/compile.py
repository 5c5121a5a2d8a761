"""Compile a tree of modules so that the result depends on nothing but the modules: ``compile.py SOURCES TARGET``.

Run as ``env -i PYTHONHASHSEED=0 python -S -s compile.py …``. Up to CPython 3.10 marshal writes a reference flag for
each object that happened to have more than one reference in the compiling process, so what this process imports, and
the order in which it visits files, are part of the result: it imports nothing more, and sorts. ``-I`` and ``-E`` must
not be used, for they make the interpreter ignore PYTHONHASHSEED.
"""

import os
import py_compile
import sys


def main(root: str, target: str) -> None:
    """Compile each module below ``root/lib`` into the same place below ``target``; print those that are no Python."""
    tag = sys.implementation.cache_tag
    for folder, folders, names in os.walk(os.path.join(root, "lib")):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(".py"):
                continue
            source = os.path.join(folder, name)
            # Relative to the prefix: the import system puts the real path in its place (bpo-1180193).
            shown = os.path.relpath(source, root)
            compiled = os.path.join(
                target, os.path.dirname(shown), "__pycache__", "{}.{}.pyc".format(name[: -len(".py")], tag)
            )
            try:
                # PEP 552: no time stamp in it; unchecked, because a store's files do not change.
                py_compile.compile(
                    source,
                    cfile=compiled,
                    dfile=shown,
                    doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
            except (py_compile.PyCompileError, ValueError, UnicodeError, RecursionError, MemoryError):
                # Templates, and code of another Python: importing them fails, installing them must not.
                print(shown)


main(sys.argv[1], sys.argv[2])
