"""What the tidy tests share: the tracked files of the tree, and C text without comments and literals."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked(*endings):
    """Paths relative to the root, of files git tracks (or, outside a checkout, of all but build directories)."""
    try:
        listed = subprocess.run(['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard'], capture_output=True,
                                text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = [os.path.relpath(os.path.join(folder, name), ROOT)
                  for folder, _, names in os.walk(ROOT) for name in names]
        listed = [path for path in listed if not re.match(r'(build|out|\.git)', path)]
    return sorted(path for path in listed if path.endswith(endings) and os.path.exists(os.path.join(ROOT, path)))


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def bare(text):
    """C text with comments blanked and literals emptied, line numbers kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        found = match.group(0)
        if found[0] in '"\'':
            return found[0] * 2
        return re.sub(r'[^\n]', ' ', found)
    return pattern.sub(blank, text)


def functions(text):
    """(name, parameter count, first line, line count, deepest nesting) of each function body in bare C text."""
    lines = text.split('\n')
    found, start = [], None
    for number, line in enumerate(lines):
        if start is None and line.rstrip().endswith('{') and not line.startswith(('}', '#')):
            head, back = line, number
            while back > 0 and lines[back - 1].strip() and not lines[back - 1].rstrip().endswith((';', '}', '{')) \
                    and not lines[back - 1].startswith('#'):
                back -= 1
                head = lines[back] + ' ' + head
            if head.startswith(' '):  # within something else; a head of several lines begins at the margin all the same
                continue
            match = re.match(r'[\w\s\*\(\),]*?(\w+)\s*\((.*)\)[^()]*\{$', re.sub(r'\s+', ' ', head.rstrip()))
            if match and not re.match(r'\s*(struct|enum|union)\b[^(]*\{$', head):
                arguments = re.sub(r'\([^()]*\)', '', match.group(2))
                start = (match.group(1), 0 if arguments.strip() in ('', 'void') else arguments.count(',') + 1, number)
                depth = deepest = 0
        if start is not None:
            depth += line.count('{') - line.count('}')
            deepest = max(deepest, depth)
            if depth == 0:
                found.append((start[0], start[1], start[2] + 1, number - start[2] + 1, deepest - 1))
                start = None
    return found


def finish(name, problems):
    for problem in problems:
        print(problem)
    print(f'{name}: {len(problems)} problems')
    sys.exit(1 if problems else 0)
