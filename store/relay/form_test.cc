#include "store/relay/form.h"

#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "store/relay/token.h"

namespace rbld {
namespace {

MailNames Names() {
  return {"tttt", "d.example", "h.example", "[192.0.2.7]", "ssss"};
}

TEST(Form, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (size_t i = 0; i < Forms().size(); ++i) {
    EXPECT_TRUE(names.insert(Forms()[i].name).second) << Forms()[i].name;
    EXPECT_EQ(FindForm(Forms()[i].name), static_cast<FormId>(i));
  }
  EXPECT_EQ(FindForm("no-such-form"), std::nullopt);
}

TEST(Form, FillsEveryPlaceholder) {
  std::set<std::pair<std::string, std::string>> pairs;
  for (const Form& form : Forms()) {
    const std::string sender = FillForm(form.sender, Names());
    const std::string recipient = FillForm(form.recipient, Names());
    EXPECT_EQ(sender.find_first_of("{}"), std::string::npos) << form.name;
    EXPECT_EQ(recipient.find_first_of("{}"), std::string::npos) << form.name;
    EXPECT_NE(recipient.find("tttt"), std::string::npos) << form.name;
    EXPECT_EQ(sender.find("tttt"), std::string::npos) << form.name;
    EXPECT_TRUE(pairs.emplace(sender, recipient).second) << form.name;
  }
}

TEST(Form, WritesThePathsOfTheField) {
  const auto recipient = [](const char* name) {
    return FillForm(Forms()[*FindForm(name)].recipient, Names());
  };
  EXPECT_EQ(recipient("plain"), "<tttt@d.example>");
  EXPECT_EQ(recipient("percent-host"), "<tttt%d.example@h.example>");
  EXPECT_EQ(recipient("source-route"), "<@h.example:tttt@d.example>");
  EXPECT_EQ(recipient("quoted-host"), "<\"tttt@d.example\"@h.example>");
  EXPECT_EQ(recipient("bang"), "<d.example!tttt>");
  EXPECT_EQ(recipient("no-brackets"), "tttt@d.example");
  EXPECT_EQ(recipient("percent-literal"), "<tttt%d.example@[192.0.2.7]>");
}

TEST(Form, NeverSendsFromTheLoopbackLiteral) {
  for (const Form& form : Forms()) {
    EXPECT_EQ(std::string(form.sender).find("127.0.0.1"), std::string::npos);
  }
}

TEST(Form, LocalPartsFitWithTheLongestDomain) {
  MailNames names = Names();
  names.token = std::string(kTokenCharacters, 't');
  names.sender = names.token;
  names.domain = std::string(kMaxTokenDomainBytes - 8, 'd') + ".example";
  for (const Form& form : Forms()) {
    std::string path = FillForm(form.recipient, names);
    path.erase(std::remove_if(path.begin(), path.end(),
                              [](char c) { return c == '<' || c == '>'; }),
               path.end());
    if (path.front() == '@') path = path.substr(path.find(':') + 1);
    const size_t quote = path.rfind('"');
    const size_t at = path.find('@', quote == std::string::npos ? 0 : quote);
    EXPECT_LE(std::min(at, path.size()), 64u) << form.name << ": " << path;
  }
}

TEST(NextSession, TakesFromTheFrontAndLeavesMalformedOnesForLater) {
  std::vector<FormId> order;
  for (int i = 0; i < kFormCount; ++i) order.push_back(static_cast<FormId>(i));
  std::vector<size_t> sizes;
  std::set<FormId> asked;
  while (!order.empty()) {
    const std::vector<FormId> session = NextSession(order, 8, 2);
    ASSERT_FALSE(session.empty());
    EXPECT_LE(session.size(), 8u);
    EXPECT_LE(
        std::count_if(session.begin(), session.end(),
                      [](FormId form) { return Forms()[form].malformed; }),
        2);
    EXPECT_TRUE(std::is_sorted(session.begin(), session.end()));
    for (const FormId form : session) {
      EXPECT_TRUE(asked.insert(form).second);
      order.erase(std::find(order.begin(), order.end(), form));
    }
    sizes.push_back(session.size());
  }
  EXPECT_EQ(asked.size(), Forms().size());
  // A full test is four sessions: as many as an address gets a day.
  EXPECT_EQ(sizes.size(), 4u);
}

}  // namespace
}  // namespace rbld
