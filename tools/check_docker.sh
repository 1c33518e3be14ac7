#!/usr/bin/env bash
# Builds the CPU image and checks that it does what the README says, as its users would: the main job, whom
# its files belong to, exit codes, pipes, stops, and the project's tests. Prints build time and image size.
#
#   ITERATIONS=n   updates of each of the main job's trainings (default: 20)
#
# Needs docker alone; without an engine to talk to it says that it was skipped, and ends with 0.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
image=colorgan:cpu
iterations=${ITERATIONS:-20}
# Files are to belong to the caller, whom the image does not know; root is no test of that.
user=$(id -u)
[[ $user != 0 ]] || user=12345

say() { printf '%s\n' "$*"; }

fail() {
  say "check_docker.sh: FAILED: $*" >&2
  exit 1
}

build() {
  local network=() start=$SECONDS size
  # An engine may have no network of its own.
  docker network inspect bridge > /dev/null 2>&1 || network=(--network host)
  docker build "${network[@]}" --target cpu -t $image "$root"
  size=$(docker image inspect -f '{{.Size}}' $image)
  say "ok: built in $((SECONDS - start)) s; $((size / 1000000)) MB"
}

check_contents() {
  local found
  # shellcheck disable=SC2016  # for the shell in the image
  found=$(docker run --rm --entrypoint sh $image -c \
    'for tool in cc c++ gcc g++ clang as ld make cmake protoc nvcc git; do command -v $tool; done
     ls -d /opt/colorgan/.git /opt/colorgan/runs /root/.cache /var/lib/apt/lists/* /var/cache/apt/*' 2> /dev/null || true)
  [[ -z $found ]] || fail "the image holds $found"
  say "ok: no compiler, no history, nothing that installing left"
}

# The image, run with the arguments from $3 on, is to end with code $1 and say $2.
check_end() {
  local code=$1 text=$2 output got=0
  shift 2
  output=$(docker run --rm $image "$@" 2>&1) || got=$?
  [[ $got == "$code" && $output == *"$text"* ]] || fail "'$*' ends with $got, not $code and '$text': $output"
  say "ok: '$*' ends with $code"
}

# Prints the name of a new folder, which belongs to $user.
new_folder() {
  mkdir "$work/$1"
  [[ $user == "$(id -u)" ]] || chown "$user:$user" "$work/$1"
  echo "$work/$1"
}

check_owner() {
  local others
  others=$(find "$1" ! -user "$user" | head -n 3 | xargs)
  [[ -z $others ]] || fail "not user $user's: $others"
  say "ok: all files belong to user $user"
}

check_main_job() {
  local printed start=$SECONDS
  local job=(docker run --rm --user "$user:$user" -v "$runs:/runs" -e ITERATIONS="$iterations" "$image")
  printed=$("${job[@]}") || fail "the main job ends with $?"
  say "ok: the main job took $((SECONDS - start)) s"
  [[ ${printed##*$'\n'} == /runs/report.html ]] || fail "the report is not what is printed last: $printed"
  (($(grep -o 'data:image/png;base64' "$runs/report.html" | wc -l) >= 8)) || fail "the report lacks pictures"
  "${job[@]}" > /dev/null 2>&1 || fail "the main job, run again, ends with $?"
  say "ok: run again, it keeps what is done"
  check_owner "$runs"
}

# Sends signal $1 to a training without end, once it has begun: the command from $4 on. It is to end with
# code $2 and a snapshot in run $3.
check_stop() {
  local signal=$1 code=$2 run=$3 got
  shift 3
  container=$(docker run -d -v "$runs:/runs" -e ITERATIONS=1000000 -e OUT=/runs/stopped $image "$@")
  for _ in {1..120}; do # until it has begun to train
    [[ ! -s $runs/$run/log.jsonl ]] || break
    sleep 1
  done
  docker kill --signal "$signal" "$container" > /dev/null || fail "'$*' has ended: $(docker logs "$container" 2>&1)"
  got=$(timeout 60 docker wait "$container") || fail "'$*' goes on after SIG$signal"
  compgen -G "$runs/$run/snapshots/iter_*/generator.caffemodel" > /dev/null || fail "no snapshot after SIG$signal"
  [[ $got == "$code" ]] || fail "'$*' ends with $got after SIG$signal, not $code: $(docker logs "$container" 2>&1)"
  docker rm "$container" > /dev/null && container=
  say "ok: '$1' takes a snapshot at SIG$signal and ends with $code"
}

check_stops() {
  check_stop INT 130 interrupted train --data /runs/data/sample --out /runs/interrupted --batch-size 4 \
    --generator /opt/colorgan/prototxt/generator_small.prototxt --iterations 1000000
  check_stop TERM 143 stopped/gan reproduce
  check_stop TERM 143 shared mpirun -n 2 colorgan train --data /runs/data/sample --out /runs/shared --batch-size 4 \
    --generator /opt/colorgan/prototxt/generator_small.prototxt --iterations 1000000
  check_stop USR1 138 openmpi mpirun.openmpi -n 2 colorgan train --data /runs/data/sample --out /runs/openmpi \
    --batch-size 4 --generator /opt/colorgan/prototxt/generator_small.prototxt --iterations 1000000
  check_owner "$runs" # for the containers without --user
}

check_pipe() {
  local begin
  docker run --rm --entrypoint sh $image -c \
    'cat /opt/colorgan/.venv/lib/python3*/site-packages/matplotlib/mpl-data/sample_data/grace_hopper.jpg' \
    | docker run --rm -i $image colorize - > "$work/coloured.png" || fail "colorize in a pipe ends with $?"
  begin=$(head -c 8 "$work/coloured.png" | od -An -tx1 | xargs)
  [[ $begin == "89 50 4e 47 0d 0a 1a 0a" ]] || fail "colorize in a pipe writes no PNG: it begins with $begin"
  say "ok: colorize in a pipe"
}

clean_up() {
  [[ -z $container ]] || docker rm -f "$container" > /dev/null
  rm -rf "$work"
}

main() {
  if ! docker info > /dev/null 2>&1; then
    say "check_docker.sh: skipped: no Docker engine (docker info fails)"
    return
  fi
  work=$(mktemp -d) container=
  trap clean_up EXIT
  chmod 755 "$work"
  build
  runs=$(new_folder runs)
  check_contents
  check_end 0 build-lmdb --help
  check_end 2 "no such command" paint
  check_end 2 "the one option is --full" --fast
  check_end 2 "nowhere.jpg" colorize nowhere.jpg
  check_pipe
  check_main_job
  check_stops
  docker run --rm $image test --quiet || fail "the tests end with $?"
  say "ok: the tests pass in the image"
  docker run --rm -e OPEN_MPI=mpirun.openmpi $image test --quiet tests/commands/test_{build_lmdb,colorize,train}_mpi.py \
    tests/training/test_shared_training.py tests/test_{processes,sharing}.py || fail "under Open MPI, tests end with $?"
  say "ok: those of several processes pass under Open MPI, too"
}

main
