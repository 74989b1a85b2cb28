"""A server that goes away in mid-generation: killed and started again, or gone for a while."""

from __future__ import annotations

import contextlib

import kvsift
import kvsift.server
import numpy as np
import pytest
import torch
from kvsift.transformers.availability import Availability
from tiny_models import generate, prompt
from transformers import LogitsProcessor, LogitsProcessorList

POLICY = kvsift.Policy(k=6)
INPUTS = {"input_ids": prompt(rows=2), "num_beams": 2}


class RestartableServer:
    """A server at one address that can be killed and started again."""

    def __init__(self, address: str, stack: contextlib.ExitStack) -> None:
        self.address = address
        self._stack = stack
        self.start()

    def start(self) -> None:
        self._server = self._stack.enter_context(
            kvsift.server.start_server(self.address, ["--memory", "16MiB"])
        )

    def kill(self) -> None:
        self._server.process.kill()
        self._server.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


class AtToken(LogitsProcessor):
    """Does something once, before a token of a generation is chosen."""

    def __init__(self, token: int, action) -> None:
        self._calls = {token: action}
        self._token = 0

    def __call__(self, input_ids, scores):
        self._calls.pop(self._token, lambda: None)()
        self._token += 1
        return scores


@pytest.fixture
def mortal(tmp_path):
    with contextlib.ExitStack() as stack:
        yield RestartableServer(f"unix:{tmp_path}/kvsift", stack)


@pytest.fixture
def impatient(mortal):
    """A client that gives up soon."""
    with kvsift.Client(mortal.address, timeout=2.0, attempts=2) as client:
        yield client


def at_token(token, action):
    return {"logits_processor": LogitsProcessorList([AtToken(token, action)])}


@pytest.mark.parametrize("token", [0, 5])
def test_restarted_server_changes_nothing(token, mortal, model, attach):
    """What the new process lacks is sent again from the worker's keys."""
    with kvsift.Client(mortal.address) as client:
        worker = attach(model, POLICY, client=client)
        uninterrupted = generate(model, **INPUTS)
        assert worker.statistics.recoveries == 0
        first = client.get_server().incarnation
        interrupted = generate(model, **INPUTS, **at_token(token, mortal.restart))
        assert client.get_server().incarnation != first
        assert worker.statistics.recoveries > 0
        assert interrupted.sequences.tolist() == uninterrupted.sequences.tolist()
        assert all(map(torch.equal, interrupted.scores, uninterrupted.scores))
        worker.detach()


def test_restart_between_two_forwards_of_a_padded_chunked_prefill_is_noticed(mortal, model, attach):
    with kvsift.Client(mortal.address) as client, torch.no_grad():
        worker = attach(model, POLICY, client=client)
        ids = prompt(rows=1, tokens=700)
        expected = logits_after_prefill(worker, model, ids, lambda: None)
        found = logits_after_prefill(worker, model, ids, mortal.restart)
        assert worker.statistics.recoveries > 0
        assert torch.equal(found, expected)
        worker.detach()


def logits_after_prefill(worker, model, ids, action):
    cache = model(ids[:, :400], use_cache=True)[1]
    action()
    model(ids[:, 400:-1], **{worker.cache_name: cache})
    return model(ids[:, -1:], **{worker.cache_name: cache}).logits


def test_absence_ends_the_generation_unless_told_otherwise(mortal, impatient, model, attach):
    worker = attach(model, POLICY, client=impatient)
    with pytest.raises(kvsift.UnavailableError):
        generate(model, **INPUTS, **at_token(5, mortal.kill))
    assert worker.link.availability.failures == 1
    mortal.start()
    generate(model, **INPUTS)
    worker.detach()


def test_absence_is_bridged_densely_with_one_warning(mortal, impatient, model, attach):
    """Dense from the kill on, and selecting again when the server is back."""
    dense = generate(model, **INPUTS)
    worker = attach(
        model, kvsift.Policy(k=4096), client=impatient, on_unavailable="dense", retry_after=1e9
    )
    with pytest.warns(RuntimeWarning, match="server is away") as warnings:
        bridged = generate(model, **INPUTS, **at_token(5, mortal.kill))
    assert len([w for w in warnings if "server is away" in str(w.message)]) == 1
    assert bridged.sequences.tolist() == dense.sequences.tolist()
    # Tokens 1 to 5 selected, 6 to 11 densely, at three layers.
    assert worker.statistics.selected == 3 * 5
    assert worker.statistics.dense_unavailable == 3 * 6
    assert worker.link.availability.failures == 1
    worker.detach()


def test_selects_again_after_the_server_is_back(mortal, impatient, model, attach):
    """What was decoded meanwhile reaches the server with the first call that succeeds."""
    worker = attach(model, POLICY, client=impatient, on_unavailable="dense", retry_after=0.0)
    ids = prompt(rows=1)

    @torch.no_grad()
    def decode(before_35=lambda: None, before_36=lambda: None):
        cache = model(ids[:, :34], use_cache=True)[1]
        actions = {35: before_35, 36: before_36}
        logits = []
        for t in range(34, 40):
            actions.get(t, lambda: None)()
            logits.append(model(ids[:, t : t + 1], **{worker.cache_name: cache}).logits)
        return logits, worker.link.store.get_sequence(cache.sequences.ids[0]).lengths

    expected, _ = decode()

    def bring_back():
        mortal.start()
        while not answers(impatient):
            pass

    with pytest.warns(RuntimeWarning, match="server is away"):
        found, lengths = decode(mortal.kill, bring_back)
    assert torch.equal(found[0], expected[0])
    assert not torch.equal(found[1], expected[1])
    assert lengths == {1: 40, 2: 40, 3: 40}
    assert worker.statistics.dense_unavailable == 3
    worker.detach()


def answers(client):
    """Whether steps of the client reach its server, after at most its timeout."""
    try:
        client.get_server()
        store = client.create_store(
            "answers", [0], 1, 1, 32, key_scales=np.ones((1, 1), np.float32)
        )
        store.step(
            0, np.ones((1, 1, 32), np.float32), np.ones((1, 1, 32), np.float32), [1], [0], POLICY
        )
    except kvsift.UnavailableError:
        return False
    return True


def test_a_store_that_somebody_else_made_is_not_made_again(mortal, model, attach):
    with kvsift.Client(mortal.address) as client:
        client.create_store("theirs", [1], 2, 6, 8, key_scales=torch.full((1, 2), 0.05))
        worker = attach(model, POLICY, client=client, scales=None, store="theirs")
        with pytest.raises(kvsift.NotFoundError):
            generate(model, **INPUTS, **at_token(5, mortal.restart))
        worker.detach()


def test_availability_tries_again_when_its_time_has_come():
    now = [0.0]
    availability = Availability("dense", retry_after=3.0, clock=lambda: now[0])
    assert not availability.is_away()
    error = kvsift.UnavailableError("UNAVAILABLE", "nobody")
    with pytest.warns(RuntimeWarning):
        availability.report(error)
    now[0] = 2.9
    assert availability.is_away()
    now[0] = 3.0
    assert not availability.is_away()
    availability.report(error)  # no second warning
    assert availability.is_away()
    availability.answered()
    with pytest.warns(RuntimeWarning):
        availability.report(error)
