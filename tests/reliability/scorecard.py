"""The tests of the scorecard, in its order."""

from tests.reliability import bombs, lexer_worst_cases, nesting, spec_mutants, text_mutants
from tests.reliability.outcome import Test

TESTS: tuple[Test, ...] = (text_mutants.TEST, lexer_worst_cases.TEST, nesting.TEST, bombs.TEST, spec_mutants.TEST)
