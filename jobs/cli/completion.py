"""`ralm --completion bash`: a script with which a shell completes jobs, options and the values of some options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module

from jobs.cli.arguments import COMPLETION, job_parser
from ralm.errors import ConfigError

SHELLS = ("bash", "zsh")

# Where nothing is listed, the shell completes names of files.
_SCRIPT = """\
_ralm() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{jobs} --help {option}"
    else
        case ${{COMP_WORDS[1]}}/$before in
            {option}/*) words="{shells}" ;;
{values}
            *)
                case $word in
                    -*)
                        case ${{COMP_WORDS[1]}} in
{options}
                        esac ;;
                esac ;;
        esac
    fi
    COMPREPLY=( $(compgen -W "$words" -- "$word") )
}}
complete -o default -F _ralm ralm spark-submit.sh ./spark-submit.sh
"""
_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def _parsers(jobs: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    """Job -> its command line. The jobs are loaded as they are when they run: their options are nowhere else."""
    found = {}
    for name, description in jobs.items():
        module = import_module(f"jobs.{name}")
        own = module.options() if hasattr(module, "options") else None
        found[name] = job_parser(description, hasattr(module, "_dry_run") or name == "ingest", own)
    return found


def script(shell: str, jobs: Mapping[str, str]) -> str:
    """The script for a shell.

    Args:
        shell: bash or zsh.
        jobs: name -> its description.

    Raises:
        ConfigError: another shell.
    """
    if shell not in SHELLS:
        raise ConfigError(f"{COMPLETION} {shell or '(nothing)'}: known are {' and '.join(SHELLS)}")
    values, options = [], []
    for name, parser in _parsers(jobs).items():
        actions = parser._actions
        listed = [text for action in actions for text in action.option_strings if text.startswith("--")]
        options.append(f'                            {name}) words="{" ".join(sorted(listed))}" ;;')
        for action in actions:
            if action.choices:
                chosen = " ".join(map(str, action.choices))
                values += [f'            {name}/{text}) words="{chosen}" ;;' for text in action.option_strings]
    text = _SCRIPT.format(
        jobs=" ".join(jobs),
        option=COMPLETION,
        shells=" ".join(SHELLS),
        values="\n".join(values),
        options="\n".join(options),
    )
    return (_ZSH if shell == "zsh" else "") + text
