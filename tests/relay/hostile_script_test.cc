// What the servers of the hostile run count is what rbl-relayd counts: a
// message that they say was taken is one that the dialogue takes for taken.

#include "tests/relay/hostile_script.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "relay/dialogue.h"

namespace rbld {
namespace {

DialogueSettings SomeSettings() {
  DialogueSettings settings;
  settings.domain = "d.example";
  settings.ehlo_name = "tester.example";
  settings.url = "https://d.example/";
  settings.contact = "people@d.example";
  return settings;
}

// A dialogue whose message has just been sent. `settings` outlives it.
Dialogue AfterMessage(const DialogueSettings& settings) {
  DialogueWork work;
  work.address = "192.0.2.7";
  work.probes = {{0, "t0", "s0"}, {1, "t1", "s1"}};
  work.max_messages = 3;
  work.date = "Tue, 24 Nov 2026 12:00:00 +0000";
  Dialogue dialogue(settings, work, /*now_ms=*/0);
  dialogue.OnConnected(0);
  for (const char* reply : {"220", "250", "250", "250", "354"}) {
    dialogue.OnBytes(0, absl::StrCat(reply, " so be it\r\n"));
  }
  return dialogue;
}

// What the server says reaches the dialogue piece by piece, and then nothing
// more does.
void Hear(const Answer& answer, Dialogue* dialogue) {
  int64_t now_ms = 1;
  for (const Piece& piece : answer.pieces) {
    now_ms += piece.wait_ms;
    if (!piece.bytes.empty()) dialogue->OnBytes(now_ms, piece.bytes);
    if (piece.then != Then::kGoOn) dialogue->OnClosed(now_ms, "closed");
    if (dialogue->is_finished()) return;
  }
  for (int i = 0; i < 1000 && !answer.endless.empty(); ++i) {
    dialogue->OnBytes(now_ms, answer.endless);
  }
  if (!dialogue->awaits_proof()) dialogue->OnTimer(dialogue->timer_at_ms());
}

TEST(HostileScriptTest, WhatItCountsAsTakenTheDialogueDoesToo) {
  const DialogueSettings settings = SomeSettings();
  std::set<Trait> refused;
  std::set<Trait> taken;
  for (uint32_t address = 0; address < 20000; ++address) {
    for (uint32_t connection = 1; connection <= 10; ++connection) {
      Script script(/*seed=*/1, address, connection);
      const Answer answer = script.ToMessage();
      Dialogue dialogue = AfterMessage(settings);
      ASSERT_TRUE(dialogue.outcomes().empty());
      Hear(answer, &dialogue);
      (answer.is_refusal() ? refused : taken)
          .insert(answer.traits.begin(), answer.traits.end());
      // A refusal that the dialogue cannot be sure of may count, too: then
      // fewer messages follow.
      if (answer.is_refusal()) continue;
      ASSERT_EQ(dialogue.outcomes().size(), 1u);
      ASSERT_EQ(dialogue.outcomes()[0].second, FormOutcome::kAccepted)
          << answer.pieces.front().bytes << "\n"
          << dialogue.transcript();
    }
  }
  // All that it can say of a message has been said, both ways but for what is
  // no reply at all.
  for (int i = 0; i <= static_cast<int>(Trait::kThenReset); ++i) {
    EXPECT_EQ(taken.count(static_cast<Trait>(i)), 1u)
        << TraitName(static_cast<Trait>(i));
  }
  for (const Trait trait :
       {Trait::kPlain, Trait::kMultiLine, Trait::kBareCode, Trait::kBareCr,
        Trait::kSplit, Trait::kDrip, Trait::kInPause}) {
    EXPECT_EQ(refused.count(trait), 1u) << TraitName(trait);
  }
}

}  // namespace
}  // namespace rbld
