#!/usr/bin/env bash
# The static checks: layers, every public header alone, formatting, both compilers, cppcheck, clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/../.."

python3 tests/layers/check.py

echo "check: public headers alone" >&2
while read -r header; do
  for compiler in gcc clang; do
    "$compiler" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function -Iinclude \
      -fsyntax-only -x c -include "$header" /dev/null
  done
done < <(git ls-files 'include/*.h')

echo "check: formatting" >&2
git ls-files '*.c' '*.h' '*.cc' | xargs clang-format --dry-run --Werror

echo "check: gcc and clang, warnings are errors" >&2
cmake -S . -B build-gcc -G Ninja -DLAPWING_WERROR=ON -DLAPWING_UI=OFF -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++ >/dev/null
cmake --build build-gcc
cmake -S . -B build-clang -G Ninja -DLAPWING_WERROR=ON -DLAPWING_UI=OFF \
  -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ >/dev/null
cmake --build build-clang

echo "check: cppcheck" >&2
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$(nproc)" -Iinclude \
  --enable=warning,portability --suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck \
  --suppress=invalidPrintfArgType_sint --suppress=invalidPrintfArgType_uint \
  --suppress=shiftTooManyBitsSigned --suppress=incorrectLogicOperator --suppress=autoVariables \
  --suppress=internalAstError --suppress=unknownMacro --suppress=uninitvar src storage alerting web bench

echo "check: clang-tidy" >&2
git ls-files 'src/*.c' 'storage/*.c' 'alerting/*.c' 'web/*.c' ':(glob)bench/*.c' 'bench/main/*.c' |
  xargs -P "$(nproc)" -n 8 clang-tidy --quiet -p build-clang \
    --checks='-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,-bugprone-assignment-in-if-condition,-bugprone-reserved-identifier,-bugprone-macro-parentheses,-bugprone-branch-clone,-bugprone-implicit-widening-of-multiplication-result,-bugprone-sizeof-expression,-bugprone-not-null-terminated-result,-bugprone-integer-division,-bugprone-misplaced-widening-cast' \
    --warnings-as-errors='*' 2>/dev/null
echo "check: all passed" >&2
