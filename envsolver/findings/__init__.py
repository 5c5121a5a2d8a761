"""Findings: what is wrong, or worth knowing, about a lock, whoever made it.

Pure: everything here is a function of values. The lock, the rules, the file lists of wheels are handed in.

==============  ====================================================================================
module          its one job
==============  ====================================================================================
``model``       a finding and its severity
``subject``     what is judged: the packages of one target, from a lock or from somebody else's file
``codes``       the stable codes with their documents, which are data (``codes.toml``)
``gpu``         detectors: builds against the nodes and against each other
``rules``       detectors: the rules of the knowledge
``builds``      detectors: source archives, prebuilt extensions, bytes without a hash
``owners``      detectors: two packages with the same files, by their file lists; conda beside pip
``judge``       all detectors over all targets, merged, with the way through the graph
``sarif``       findings as SARIF 2.1.0
``render``      findings as JSON, as text, as annotations of GitHub
``markdown``    the documents of all codes
==============  ====================================================================================
"""
