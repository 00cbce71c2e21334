#include "lib/sync/sync_memory.h"

#include <algorithm>
#include <set>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kHead = "relais-sync 1";
constexpr std::size_t kLargest = std::size_t{1} << 30;

std::optional<std::pair<std::string, SyncFlags>> parse_message(std::string_view line) {
    auto words = split_words(line, " ");
    if (words.size() < 2 || words[1].size() > 2 ||
        words[1].find_first_not_of("0123456789abcdef") != std::string_view::npos) {
        return std::nullopt;
    }
    SyncFlags flags;
    flags.system = static_cast<std::uint8_t>(std::stoul(std::string(words[1]), nullptr, 16));
    flags.keywords.assign(words.begin() + 2, words.end());
    return std::pair(std::string(words[0]), std::move(flags));
}

}  // namespace

SyncMemory::SyncMemory(const std::string& root, std::string_view other)
    : path_(format("{}/relais.sync.{:016x}", root, sync_digest(other))) {
}

std::optional<SyncMemory> SyncMemory::parse(std::string_view text) {
    SyncMemory memory;
    std::string mailbox;
    bool first = true;
    while (!text.empty()) {
        auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        bool sensible = end != std::string_view::npos && (!first || line == kHead) &&
                        std::ranges::all_of(line, is_print);
        if (!sensible) {
            return std::nullopt;
        }
        text.remove_prefix(end + 1);
        if (line.starts_with("S ")) {
            memory.tree_.subscribed.emplace(line.substr(2));
        } else if (line.starts_with("M ")) {
            auto parts = split_first(line.substr(2), ' ');
            if (!parts) {
                return std::nullopt;
            }
            mailbox = parts->second;
            if (!memory.messages_.emplace(mailbox, SyncedMessages()).second) {
                return std::nullopt;
            }
            memory.tree_.mailboxes.push_back(
                {mailbox, parts->first == "-" ? "" : std::string(parts->first)});
        } else if (!first) {
            auto message = line.starts_with("m ") ? parse_message(line.substr(2)) : std::nullopt;
            if (!message || memory.tree_.mailboxes.empty()) {
                return std::nullopt;
            }
            memory.messages_[mailbox].insert(std::move(*message));
        }
        first = false;
    }
    memory.known_ = !first;
    return memory.known_ ? std::optional(std::move(memory)) : std::nullopt;
}

std::string SyncMemory::serialize() const {
    std::string text = format("{}\n", kHead);
    for (const std::string& name : tree_.subscribed) {
        text += std::ranges::all_of(name, is_print) ? format("S {}\n", name) : "";
    }
    for (const SyncedTree::Mailbox& mailbox : tree_.mailboxes) {
        if (!std::ranges::all_of(mailbox.name, is_print)) {
            continue;  // no mailbox of ours
        }
        text += format("M {} {}\n", mailbox.guid.empty() ? "-" : mailbox.guid, mailbox.name);
        auto found = messages_.find(mailbox.name);
        if (found == messages_.end()) {
            continue;
        }
        for (const auto& [guid, flags] : found->second) {
            text += format("m {} {:x}", guid, flags.system);
            for (const std::string& keyword : flags.keywords) {
                text += " " + keyword;
            }
            text += '\n';
        }
    }
    return text;
}

void SyncMemory::load() {
    auto text = read_file(path_, kLargest);
    auto memory = text ? parse(*text) : std::nullopt;
    if (memory) {
        memory->path_ = path_;
        *this = std::move(*memory);
    }
}

Result<void> SyncMemory::save() const {
    return replace_file(path_, serialize(), 0600);
}

const SyncedMessages* SyncMemory::messages(const std::string& name, const std::string& guid) const {
    auto known = std::ranges::find_if(tree_.mailboxes, [&](const auto& each) {
        return guid.empty() || each.guid.empty() ? each.name == name : each.guid == guid;
    });
    auto found = known == tree_.mailboxes.end() ? messages_.end() : messages_.find(known->name);
    return found == messages_.end() ? nullptr : &found->second;
}

bool SyncMemory::is_of(const std::string& one_inbox, const std::string& other_inbox) const {
    auto inbox = std::ranges::find(tree_.mailboxes, "INBOX", &SyncedTree::Mailbox::name);
    if (!known_ || inbox == tree_.mailboxes.end() || inbox->guid.empty()) {
        return true;
    }
    return inbox->guid == one_inbox && inbox->guid == other_inbox;
}

void SyncMemory::forget() {
    known_ = false;
    tree_ = SyncedTree();
    messages_.clear();
}

void SyncMemory::set_tree(SyncedTree tree) {
    tree_ = std::move(tree);
    known_ = true;
    // What is not there any more is not known any more.
    std::erase_if(messages_, [this](const auto& each) {
        return std::ranges::find(tree_.mailboxes, each.first, &SyncedTree::Mailbox::name) ==
               tree_.mailboxes.end();
    });
}

void SyncMemory::set_messages(const std::string& name, SyncedMessages messages) {
    messages_[name] = std::move(messages);
}

}  // namespace relais
