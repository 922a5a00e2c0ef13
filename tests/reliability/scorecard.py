"""The tests of the scorecard, in its order."""

from tests.reliability import text_mutants
from tests.reliability.outcome import Test

TESTS: tuple[Test, ...] = (text_mutants.TEST,)
