"""The release, in one place: the build, ``archdsl --version`` and ``archdsl.__version__`` read it here."""

__version__ = "0.1.0"
