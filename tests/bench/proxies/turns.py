"""Everybody in turn, round after round, so that a busy minute of the machine hurts all alike."""

from proxies.bars import best


def taking_turns(stage, makers, client, measure, *, most=(), direct=False):
    """`measure(subject)` of ours and of each peer in every round: name to its best figures."""
    rounds = {}
    for _ in range(stage.effort.rounds):
        subjects = [stage.direct(client)] if direct else []
        for subject in [*subjects, stage.ours(client)]:
            rounds.setdefault(subject.name, []).append(measure(subject))
        for make in makers:
            with stage.peer(make, client) as subject:
                if subject:
                    rounds.setdefault(subject.name, []).append(measure(subject))
    return {name: best(all_of_one, most) for name, all_of_one in rounds.items()}
