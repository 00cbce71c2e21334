// Annotations of mailboxes and of the server (METADATA, RFC 5464), in the file that
// imap_metadata_file names.  Keys there are "priv/GUID/comment" and "shared/GUID/comment", with the
// GUID of the mailbox; those of the server are with the INBOX, below a name of Dovecot's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/namespaces.h"
#include "lib/event/loop.h"

namespace relais {

// What is annotated, and for whom.
struct AnnotationScope {
    std::string mailbox;  // empty: the server
    std::string guid;     // of that, or of the user's INBOX
    bool shared = false;  // else for this user alone
};

// In lower case, without "/private/" or "/shared/": "comment", "vendor/x/y".
struct Annotation {
    std::string entry;
    std::optional<std::string> value{};  // nothing: there is none, or none any longer
};

// What a key of the file is about.
struct AnnotationKey {
    std::string guid;  // of the mailbox, or of the user's INBOX
    bool server = false;
    bool shared = false;
    std::string entry;
};

class Annotations {
  public:
    static constexpr std::size_t kMaxValue = 60000;
    static constexpr std::size_t kMost = 200;  // of one scope

    // `spaces` outlive this.
    Annotations(std::string user, std::string home, const Namespaces& spaces);

    static bool on();

    // The files with the user's own annotations, and with those of the mailboxes of his private and
    // public namespaces.
    std::vector<std::string> files() const;

    static std::string key_of(const AnnotationScope& scope, std::string_view entry);
    // Nothing for what no client may see.
    [[nodiscard]] static std::optional<AnnotationKey> parse_key(std::string_view key);

    // All of a scope, by entry.
    [[nodiscard]] Result<std::map<std::string, std::string>> load(
        const AnnotationScope& scope) const;

    // All of them or none.  kTooLarge: there would be too many.
    [[nodiscard]] Task<Result<void>> store(AnnotationScope scope,
                                           std::vector<Annotation> changes) const;

  private:
    struct Place {
        std::string path;
        unsigned mode = 0600;
    };

    Place place_of(const AnnotationScope& scope) const;

    std::string user_;
    std::string home_;
    const Namespaces& spaces_;
};

}  // namespace relais
