"""Instructions of the hot paths under callgrind, against the recorded baseline.

    bench/instructions.py FOLDER-OF-PROGRAMS [--record] [--limit PERCENT]

FOLDER-OF-PROGRAMS holds the MODULE_bench_hot programs. The instructions of one round more or less of a case are
what is counted, so that start and preparation are not. Times vary with the machine's mood, instructions do not:
more than --limit (5) per cent above bench/instructions.json fails. Another compiler makes other code, and the C
library has other copies of its functions for another processor, so a baseline of another compiler or processor is
shown but not enforced; --record writes a new one.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

BASELINE = pathlib.Path(__file__).with_name("instructions.json")
ROUNDS = (2, 12)


def compiler():
    return subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def processor():
    found = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found[1].strip() if found else "unknown"


def made_by():
    return {"compiler": compiler(), "processor": processor()}


def instructions(program, case, rounds):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, case, str(rounds)],
                         capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"{program} {case}: {run.stderr.strip()[-500:]}")
    return int(found[1])


def count_all(folder):
    """Per case: instructions for one unit of work."""
    counts = {}
    for program in sorted(folder.glob("*_bench_hot")):
        cases = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
        for case, units in (line.split() for line in cases.splitlines()):
            few, many = (instructions(program, case, rounds) for rounds in ROUNDS)
            counts[case] = (many - few) / ((ROUNDS[1] - ROUNDS[0]) * int(units))
    return counts


def compare(counts, baseline, limit):
    """Prints a line for each case; the cases that are worse."""
    worse = []
    for case, count in counts.items():
        before = baseline["instructions"].get(case)
        change = (count / before - 1) * 100 if before else 0
        if before and change > limit:
            worse.append(case)
        verdict = "no baseline" if not before else f"{change:+6.1f} %" + ("  WORSE" if change > limit else "")
        print(f"{case:24} {count:10.1f} instructions   {verdict}")
    lost = sorted(set(baseline["instructions"]) - set(counts))
    print("\n".join(f"{case:24} has a baseline and was not run" for case in lost), end="\n" if lost else "")
    return worse + lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--limit", type=float, default=5)
    options = parser.parse_args()
    counts = count_all(options.programs)
    if not counts:
        sys.exit(f"{options.programs}: no *_bench_hot program in it")
    if options.record:
        BASELINE.write_text(json.dumps({**made_by(), "instructions": {
            case: round(count, 1) for case, count in counts.items()}}, indent=1) + "\n")
        print(f"{BASELINE}: recorded {len(counts)} cases")
        return 0
    baseline = json.loads(BASELINE.read_text())
    worse = compare(counts, baseline, options.limit)
    for what, here in made_by().items():
        if baseline[what] != here:
            print(f"not enforced: the baseline is of {baseline[what]}, this is {here}")
            return 0
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
