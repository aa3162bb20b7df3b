"""``manage.py weights``: fetch the models' weights, or check the ones that are there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.providers.local import weights


class Command(BaseCommand):
    help = "Fetch the weights of the models on board; with --check, read and compare every byte of what is there."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fetch nothing; fail where a file is missing or wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            wrong = weights.verify()
            if wrong:
                raise CommandError("\n".join(wrong))
            self.stdout.write(f"All weights in {weights.folder()} are right.")
            return
        try:
            fetched = weights.fetch(lambda line: self.stdout.write(f"  {line}"))
        except (weights.WrongWeights, weights.NoWeights) as error:
            raise CommandError(str(error)) from error
        if fetched:
            self.stdout.write(f"{len(fetched)} files fetched into {weights.folder()}.")
        absent = weights.missing()
        self.stdout.write(f"Not here, and not needed: {', '.join(absent)}." if absent else "All weights are here.")
