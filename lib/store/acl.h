// Access control lists of mailboxes (RFC 4314) in the notation of Dovecot's files: a line for each
// identifier, "user=bob lrws", "-group=sales w" (rights that are taken away), "owner lrwstipekxa".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// A set of rights.
class AclRights {
  public:
    static constexpr std::string_view kLetters = "lrwstipekxa";  // a bit for each

    constexpr AclRights() = default;

    // Of letters that are known to be good: AclRights::of("lr").
    static constexpr AclRights of(std::string_view letters) {
        AclRights rights;
        for (char letter : letters) {
            rights.bits_ |= static_cast<std::uint16_t>(1U << kLetters.find(letter));
        }
        return rights;
    }

    static constexpr AclRights all() { return of(kLetters); }

    // Nothing where a letter names no right.
    [[nodiscard]] static std::optional<AclRights> parse(std::string_view letters);

    // All of them, and one of them.
    constexpr bool has(AclRights others) const { return (bits_ & others.bits_) == others.bits_; }

    constexpr bool has_one_of(AclRights others) const { return (bits_ & others.bits_) != 0; }

    constexpr bool empty() const { return bits_ == 0; }

    std::string letters() const;

    constexpr AclRights operator|(AclRights more) const { return AclRights(bits_ | more.bits_); }

    constexpr AclRights operator-(AclRights less) const { return AclRights(bits_ & ~less.bits_); }

    friend bool operator==(const AclRights&, const AclRights&) = default;

  private:
    explicit constexpr AclRights(unsigned bits) : bits_(static_cast<std::uint16_t>(bits)) {}

    std::uint16_t bits_ = 0;
};

// "lookup", "read", ...: their long names.
[[nodiscard]] std::vector<std::string> acl_right_names(AclRights rights);

// One by its long name, or "all"; nothing for what is none.
[[nodiscard]] std::optional<AclRights> acl_rights_named(std::string_view name);

struct AclIdentifier {
    // In this order they count: what comes later stands in place of what came before.
    enum class Kind { kAnyone, kAuthenticated, kGroup, kOwner, kUser, kGroupOverride };

    Kind kind = Kind::kAnyone;
    std::string name{};  // of the user or group

    // "user=bob", "group=sales", "group-override=x", "owner", "authenticated", "anyone".
    [[nodiscard]] static std::optional<AclIdentifier> parse(std::string_view text);
    std::string to_string() const;

    friend auto operator<=>(const AclIdentifier&, const AclIdentifier&) = default;
};

// Who asks.
struct AclSubject {
    std::string user;
    std::vector<std::string> groups{};
    bool owner = false;  // the mailbox is his

    bool is(const AclIdentifier& identifier) const;
};

struct AclEntry {
    AclIdentifier identifier;
    std::optional<AclRights> rights{};  // given, if anything is said of that
    std::optional<AclRights> denied{};
    std::string named{};  // ":custom other": rights that we do not know, given and kept
    bool global = false;  // from the administrator's file: counts more, and cannot be changed

    bool says_nothing() const { return !rights && !denied && named.empty(); }
};

class AclList {
  public:
    static constexpr std::size_t kMostEntries = 1000;

    // The error names the line.
    [[nodiscard]] static Result<AclList> parse(std::string_view text);

    // The lines of the administrator's file ("mailbox identifier rights") that are for this one.
    [[nodiscard]] static Result<AclList> parse_global(std::string_view text,
                                                      std::string_view mailbox);

    // As a file has it, without global entries.
    std::string to_string() const;

    const std::vector<AclEntry>& entries() const { return entries_; }

    bool empty() const { return entries_.empty(); }

    // With `more` as its global entries.
    void add_global(const AclList& more);

    // What the subject may do; `otherwise` is what somebody may of whom nothing is said.
    AclRights rights_of(const AclSubject& subject, AclRights otherwise) const;

    const AclEntry* find(const AclIdentifier& identifier) const;

    // Puts an entry in place of what was said of its identifier; one that says nothing removes it.
    void set(AclEntry entry);

  private:
    using TakeLine = std::function<Result<void>(AclList& list, std::string_view line)>;
    [[nodiscard]] static Result<AclList> parse_lines(std::string_view text, const TakeLine& take);
    [[nodiscard]] Result<void> take_line(std::string_view line, bool global);
    AclEntry& entry_of(const AclIdentifier& identifier, bool global);
    void sort();

    std::vector<AclEntry> entries_;  // local ones first, by identifier
};

}  // namespace relais
