// Fuzz target: the small files of a mailbox, file names, rules of quotas, access control lists,
// dictionaries, users' files, lines of the auth protocol.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "lib/access/access_key.h"
#include "lib/access/namespace_settings.h"
#include "lib/sasl/auth_server.h"
#include "lib/sasl/password.h"
#include "lib/sasl/users_file.h"
#include "lib/store/acl.h"
#include "lib/store/acl_files.h"
#include "lib/store/change_journal.h"
#include "lib/store/dict_file.h"
#include "lib/store/keyword_file.h"
#include "lib/store/maildir_name.h"
#include "lib/store/maildir_size.h"
#include "lib/store/more_keywords.h"
#include "lib/store/own_seen.h"
#include "lib/store/quota_rules.h"
#include "lib/store/special_uses.h"
#include "lib/store/subscriptions.h"
#include "lib/store/uidlist.h"

#include "tests/fuzz/support/conversation.h"

using namespace relais;

namespace {

using fuzz::put;
using fuzz::scratch;

// A journal of changes with these bytes behind its header.
void read_changes(std::string_view text) {
    ChangeJournal journal(scratch(), 0600);
    if (!journal.start(1, 1)) {
        return;
    }
    std::ofstream(scratch() + "/" + std::string(ChangeJournal::kFileName),
                  std::ios::binary | std::ios::app)
        << text;
    std::uint64_t last = 0;
    auto records = journal.read_on().value_or(std::vector<ChangeRecord>());
    for (const ChangeRecord& record : records) {
        if (record.modseq < last || record.first > record.last) {
            std::abort();
        }
        last = record.modseq;
    }
    put(ChangeJournal::kFileName, text);
    if (journal.open(1)) {
        (void)journal.read_on();
    }
}

void speak(std::string_view text) {
    AuthServerSession session({"PLAIN", "LOGIN"}, 1);
    while (!text.empty()) {
        auto end = std::min(text.find('\n'), text.size());
        if (session.line(text.substr(0, end)).hang_up) {
            break;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

void weigh(std::string_view text) {
    put(kMaildirSize, text);
    auto usage =
        maildir_usage(scratch(), {1000, 10}, [] { return std::vector<std::string>{scratch()}; });
    if (usage && (usage->bytes < 0 || usage->messages < 0)) {
        std::abort();
    }
    auto rules = QuotaRules::parse({std::string(text), "*:storage=10M"});
    if (rules && (rules->limit_for(text).bytes < 0 || rules->limit_for("Trash").messages < 0)) {
        std::abort();
    }
}

// What is written is read as the same.
void share(std::string_view text) {
    (void)AclList::parse_global(text, "Public/team");
    if (auto list = AclList::parse(text)) {
        auto again = AclList::parse(list->to_string());
        AclSubject bob{"bob", {"g"}, true};
        if (!again || again->rights_of(bob, {}) != list->rights_of(bob, {})) {
            std::abort();
        }
    }
    auto shared = match_shared_prefix("shared/%%d/%%n/", text);
    if (shared && shared->owner.find('/') != std::string::npos) {
        std::abort();
    }
    (void)parse_namespaces(text, '.');
    std::string keywords = MoreKeywords::parse(text).to_string();
    if (MoreKeywords::parse(keywords).to_string() != keywords) {
        std::abort();
    }
    std::string seen = OwnSeen::parse(text).to_string();
    if (OwnSeen::parse(seen).to_string() != seen) {
        std::abort();
    }
    DictFile dict = DictFile::parse(text);
    if (DictFile::parse(dict.to_string()).entries() != dict.entries()) {
        std::abort();
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    put(UidList::kFileName, text);
    if (auto list = UidList::load(scratch()); list && list->uid_validity != 0) {
        std::uint32_t last = 0;
        for (const auto& entry : list->entries) {
            if (entry.uid <= last || entry.uid >= list->next_uid) {
                std::abort();
            }
            last = entry.uid;
        }
    }
    for (const UidListEntry& entry :
         UidList::load_extended(scratch()).value_or(std::vector<UidListEntry>())) {
        if (!entry.base.empty()) {
            std::abort();
        }
    }
    (void)UidList::load_guid(scratch());
    put(KeywordFile::kFileName, text);
    (void)KeywordFile::load(scratch());
    put("subscriptions", text);
    (void)Subscriptions::load(scratch() + "/subscriptions", {'.'});
    put(SpecialUses::kFileName, text);
    (void)SpecialUses::load(scratch(), {'.'});
    put(AclFiles::kFileName, text);
    (void)AclFiles(scratch() + "/" + std::string(AclFiles::kFileName)).load(scratch(), "Public");
    put(kAccessKeyFile, text);
    (void)read_access_key(scratch());
    read_changes(text);
    MessageFlags flags = parse_maildir_flags(text);
    if (parse_maildir_flags(with_maildir_flags(text, flags)) != flags) {
        std::abort();
    }
    (void)maildir_size(text, 'S');
    weigh(text);
    share(text);
    UsersFile users;
    users.parse(text);
    speak(text);
    (void)verify_password("secret", text.substr(0, 200), "PLAIN");
    return 0;
}
