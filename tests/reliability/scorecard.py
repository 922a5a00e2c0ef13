"""The tests of the scorecard, in its order; T12, T17 and those of the trainer join with what they test."""

from tests.reliability import (
    attribute_values,
    bombs,
    corrupted_graphs,
    counters,
    error_reports,
    hostile_imports,
    injection,
    lexer_worst_cases,
    nesting,
    operator_grid,
    printing,
    same_bytes,
    spec_mutants,
    text_mutants,
    whole_pipeline,
    write_faults,
    wrong_graphs,
)
from tests.reliability.outcome import Test

TESTS: tuple[Test, ...] = (
    text_mutants.TEST,
    lexer_worst_cases.TEST,
    nesting.TEST,
    bombs.TEST,
    hostile_imports.TEST,
    attribute_values.TEST,
    wrong_graphs.TEST,
    error_reports.TEST,
    spec_mutants.TEST,
    injection.TEST,
    printing.TEST,
    corrupted_graphs.TEST,
    same_bytes.TEST,
    whole_pipeline.TEST,
    operator_grid.TEST,
    counters.TEST,
    write_faults.TEST,
)
