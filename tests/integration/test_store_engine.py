"""What the store tells about the runs of the real engine is what their journals fold to (S38)."""

from __future__ import annotations

from pathlib import Path

from ergon.app import open_app

_WORKFLOW = """
ergon: 1
name: everything
steps:
  - {id: list, uses: core.noop, with: {value: [1, 2, 3]}}
  - id: fan
    for_each: "{{ steps.list.output }}"
    steps:
      - {id: x, uses: core.noop, with: {value: "{{ item }}"}, cache: true}
  - id: route
    choose:
      - {when: false, steps: [{id: hot, uses: core.noop, with: {value: 1}}]}
      - {otherwise: true, steps: [{id: cold, uses: core.noop, with: {value: 2}}]}
  - id: poll
    while: loop.index < 3
    max_iterations: 5
    steps: [{id: probe, uses: core.noop, with: {value: "{{ loop.index }}"}}]
  - id: both
    parallel:
      - {id: left, uses: core.noop, with: {value: 1}}
      - {id: right, uses: core.sleep, with: {seconds: 0.01}}
  - {id: bad, uses: core.fail, with: {message: no}, retry: {attempts: 2, delay: 10ms}, optional: true}
  - {id: mended, uses: core.fail, with: {message: no}, on_error: {continue: 7}}
  - {id: skipped, uses: core.noop, with: {value: "{{ steps.bad.output }}"}}
  - {id: after, needs: [bad], uses: core.noop, with: {value: 1}}
"""


def test_step_records_are_what_the_journal_folds_to_s38(workspace: Path) -> None:
    (workspace / "everything.ergon.yaml").write_text(_WORKFLOW)
    app = open_app(workspace)
    try:
        for _ in range(2):
            app.start(app.load(workspace / "everything.ergon.yaml"), {}).wait()
        for record in app.store.runs():
            state = app.state(record.id)
            assert (record.status, record.last_seq, record.epoch) == (state.status, state.seq, state.epoch)
            assert (record.started_at, record.ended_at) == (state.started_at, state.ended_at)
            steps = {step.path: step for step in app.store.steps(record.id)}
            assert set(steps) == set(state.steps) - {"route.hot"}  # no event is about it, but the choice
            for path, step in steps.items():
                folded = state.steps[path]
                assert (path, step.status, step.attempts) == (path, folded.status, folded.attempt)
                assert (path, step.started_at, step.ended_at) == (path, folded.started_at, folded.ended_at)
                assert (path, step.cached) == (path, folded.cached)
                assert step.error_type == (folded.error.type if folded.error is not None else "")
        newest = app.store.steps(app.store.run("last").id)
        assert [step.cached for step in newest if step.path.startswith("fan[")] == [True] * 3
        assert app.store.waits() == []
    finally:
        app.close()
