"""The arithmetic task: right working, fixed places, a test set apart, a function of the seed."""

import numpy as np
import pytest

from labkit.base.errors import BadInput
from labkit.papers.layer_integrated_memory.task import expressions, first_equals, reduce_text, row_length, tokenizer


@pytest.mark.parametrize("operands", range(2, 7))
def test_every_row_is_the_plain_reduction_of_its_question(operands):
    rows = expressions(operands, 300, seed=3)
    assert all(reduce_text(text.split("=")[0]) == text for text in rows.texts())


@pytest.mark.parametrize("operands", range(2, 7))
def test_the_first_equals_sign_is_where_it_is_said(operands):
    rows, equals = expressions(operands, 50, seed=1), tokenizer().encode("=")[0]
    assert rows.ids.shape == (50, row_length(operands))
    assert (rows.ids[:, first_equals(operands)] == equals).all()
    assert not (rows.ids[:, : first_equals(operands)] == equals).any()


@pytest.mark.parametrize("operands", (2, 3, 4))
def test_no_question_of_the_test_set_is_in_training(operands):
    def questions(held_out):
        return {text.split("=")[0] for text in expressions(operands, 3000, seed=5, held_out=held_out).texts()}

    assert not questions(True) & questions(False)


def test_a_row_is_a_function_of_the_seed():
    first, again, other = (expressions(4, 40, seed=seed).ids for seed in (7, 7, 8))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_rows_can_be_read_and_written():
    text = "(3+4)*(2-9)=7*(2-9)=7*3=1"
    assert reduce_text("(3+4)*(2-9)") == text
    assert tokenizer().decode(tokenizer().encode(text)) == text


@pytest.mark.parametrize("question", ("3+4*2", "(3+4)", "12+3", "", "(3+4", "a+b"))
def test_a_question_that_cannot_be_worked_out_is_named(question):
    with pytest.raises(BadInput, match="worked out"):
        reduce_text(question)


@pytest.mark.parametrize("operands", (1, 9, 2.0, True, None))
def test_an_operand_count_out_of_reach_is_named(operands):
    with pytest.raises(BadInput, match="operands"):
        expressions(operands, 10, seed=0)
    with pytest.raises(BadInput, match="count"):
        expressions(3, 0, seed=0)
