// A client's round trips: N requests are always under way, each with its number in the first payload byte.
#ifndef RIVALS_ECHO_H
#define RIVALS_ECHO_H
#include "common.h"

#define OUTSTANDING_MAX 256
#define SAMPLES_MAX (1 << 22)

static uint64_t sent_at[OUTSTANDING_MAX];
static uint32_t *samples;
static uint32_t sample_count;
static bool counting;

static void note_round_trip(uint8_t slot) {
  if (counting && sample_count < SAMPLES_MAX) samples[sample_count++] = now_ns() - sent_at[slot];
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static int finish_echo(uint64_t elapsed_ns) {
  if (sample_count == 0) {
    errno = ETIMEDOUT;
    die("no answers");
  }
  qsort(samples, sample_count, sizeof *samples, by_value);
  printf("{\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"perSecond\":%.0f}\n", samples[sample_count / 2] / 1e3,
         samples[(uint64_t)sample_count * 99 / 100] / 1e3, samples[(uint64_t)sample_count * 999 / 1000] / 1e3,
         sample_count * 1e9 / elapsed_ns);
  return 0;
}

// Runs `turn` (which heeds answers, and sends what it answers with) for a third of the time unheeded, then counted.
static int run_client(void (*start)(uint8_t slot), bool (*turn)(void)) {
  int outstanding = number_argument("outstanding", 1);
  uint64_t ms = number_argument("ms", 500);
  samples = calloc(SAMPLES_MAX, sizeof *samples);
  say_ready();
  await_begin();
  for (int i = 0; i < outstanding; i++) start(i);
  uint64_t begin = now_ns(), counted = begin + ms * 333333, end = begin + ms * 1333333, heard = begin;
  for (;;) {
    bool answered = turn();
    uint64_t now = now_ns();
    if (answered) heard = now;
    else if (now - heard > 100000000) {
      // A frame was lost; begin anew.
      heard = now;
      for (int i = 0; i < outstanding; i++) start(i);
    }
    if (!counting && now >= counted) counting = true, counted = now;
    if (now >= end) return finish_echo(now - counted);
  }
}

#endif
