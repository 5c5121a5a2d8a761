"""What packages do not declare, as data with sources, and the small engine that applies it.

Pure: the shipped TOML is read as package resources, a project's own rules are handed in as text. Nothing here knows
of indexes, specs or locks.

================  ==================================================================================
module            its one job
================  ==================================================================================
``rules``         the rule book: which rules concern a package, whether they apply, what they do
``rulefile``      a TOML text → rules, with every problem found and where it stands
``schema``        the JSON Schema of a rule file
``tables``        the typed tables: toolkits, GPUs, torch releases, companions, builds
``variants``      which CUDA, ROCm or CPU build a file is
``gpu``           what a driver runs, which devices the kernels of a build cover
``bounds``        implied upper bounds from upload times
``version``       what a lock records as the version of the knowledge
``names``         well-known names, and what a name near one of them was meant to be
``markdown``      the reference of all rules
``effects``       the rule book as the solver asks it
================  ==================================================================================
"""
