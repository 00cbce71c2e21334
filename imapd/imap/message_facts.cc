#include "imapd/imap/message_facts.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/imap/envelope.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/mime_tree.h"

namespace relais {

namespace {

// A message lies in memory while it is looked at.
constexpr std::uint64_t kMaxMessage = std::uint64_t{1} << 30;

// How facts lie in the cache: this, then the header, then the structure.
struct FactsHeader {
    std::uint64_t size;
    std::uint64_t wire_size;
    std::int64_t received;
    std::uint32_t header_size;
    std::uint32_t structure_size;
};

std::optional<MessageFacts> parse_facts(std::string_view blob) {
    FactsHeader header;
    if (blob.size() < sizeof(header)) {
        return std::nullopt;
    }
    std::memcpy(&header, blob.data(), sizeof(header));
    blob.remove_prefix(sizeof(header));
    if (blob.size() != std::uint64_t{header.header_size} + header.structure_size) {
        return std::nullopt;
    }
    MessageFacts facts;
    facts.size = header.size;
    facts.wire_size = header.wire_size;
    facts.received = header.received;
    facts.header = blob.substr(0, header.header_size);
    facts.structure = blob.substr(header.header_size);
    return facts;
}

std::string make_facts(std::string_view text, std::int64_t received) {
    imap::MimePart root = imap::parse_mime(text);
    std::string kept;
    imap::HeaderWalk walk(text.substr(0, root.body.offset));
    while (auto field = walk.next()) {
        if (is_kept_field(field->name)) {
            kept += field->whole;
        }
    }
    std::string structure;
    imap::append_body(structure, text, root, imap::BodyForm::kBodyStructure);
    FactsHeader header{text.size(), root.end.wire(), received,
                       static_cast<std::uint32_t>(kept.size()),
                       static_cast<std::uint32_t>(structure.size())};
    std::string blob(reinterpret_cast<const char*>(&header), sizeof(header));
    blob += kept;
    blob += structure;
    return blob;
}

Error gone() {
    return {Errc::kNotFound, "the message is gone", ENOENT};
}

// What the file has now, where it has become shorter.
Result<std::string> read_text(int fd, std::size_t size) {
    std::string text;
    int trouble = 0;
    // What is handed in may be more than was asked for (libstdc++ 12).
    text.resize_and_overwrite(size, [fd, size, &trouble](char* data, std::size_t) {
        std::size_t had = 0;
        while (had < size) {
            ssize_t got = ::read(fd, data + had, size - had);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0) {
                trouble = got < 0 ? errno : 0;
                break;
            }
            had += static_cast<std::size_t>(got);
        }
        return had;
    });
    if (trouble != 0) {
        return fail_errno("read a message", trouble);
    }
    return text;
}

}  // namespace

Result<MessageFile> MessageFile::open(Mailbox& box, const MailMessage& message) {
    auto directory = box.directory_fd();
    if (!directory) {
        return fail_with(directory);
    }
    auto fd = open_at(*directory, box.relative_path(message), O_RDONLY);
    if (!fd) {
        return fd.error().sys_errno == ENOENT ? std::unexpected(gone()) : fail_with(fd);
    }
    struct stat status;
    if (::fstat(fd->get(), &status) < 0 || !S_ISREG(status.st_mode)) {
        return fail(Errc::kCorrupt, "not a message file");
    }
    auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > kMaxMessage) {
        return fail(Errc::kTooLarge, "the message is too large");
    }
    auto text = read_text(fd->get(), static_cast<std::size_t>(size));
    if (!text) {
        return fail_with(text);
    }
    MessageFile file;
    file.received_ = status.st_mtim.tv_sec;
    file.text_ = std::move(*text);
    return file;
}

bool is_kept_field(std::string_view name) {
    if (istarts_with(name, "X-") || istarts_with(name, "ARC-") || istarts_with(name, "DKIM-") ||
        istarts_with(name, "Received")) {
        // X-Priority and the like are what clients show in lists.
        return iequals(name, "X-Priority") || iequals(name, "X-Spam-Flag") ||
               iequals(name, "X-MSMail-Priority");
    }
    return !iequals(name, "Authentication-Results") && !iequals(name, "Return-Path");
}

bool is_in_facts(const imap::Section& section) {
    return section.path.empty() && section.kind == imap::Section::Kind::kFields &&
           std::ranges::all_of(section.fields, is_kept_field);
}

Result<MessageFacts> facts_of(OpenMailbox& mailbox, const MailMessage& message) {
    mailbox.cache.open(mailbox.box.uid_validity());
    if (auto blob = mailbox.cache.find(message.uid)) {
        if (auto facts = parse_facts(*blob)) {
            return *facts;
        }
    }
    auto file = MessageFile::open(mailbox.box, message);
    if (!file) {
        return fail_with(file);
    }
    std::string made = make_facts(file->text(), file->received());
    mailbox.cache.put(message.uid, made);
    auto blob = mailbox.cache.find(message.uid);
    if (!blob) {
        mailbox.large_facts = std::move(made);
        blob = mailbox.large_facts;
    }
    auto facts = parse_facts(*blob);
    if (!facts) {
        return fail(Errc::kTooLarge, "the message's header is too long");
    }
    return *facts;
}

Result<std::uint64_t> wire_size_of(OpenMailbox& mailbox, const MailMessage& message) {
    std::string_view base = maildir_base(mailbox.box.name_of(message));
    if (auto size = maildir_size(base, 'W')) {
        return *size;
    }
    auto facts = facts_of(mailbox, message);
    if (!facts) {
        return fail_with(facts);
    }
    return facts->wire_size;
}

Result<std::int64_t> received_of(OpenMailbox& mailbox, const MailMessage& message) {
    mailbox.cache.open(mailbox.box.uid_validity());
    if (auto blob = mailbox.cache.find(message.uid)) {
        if (auto facts = parse_facts(*blob)) {
            return facts->received;
        }
    }
    auto directory = mailbox.box.directory_fd();
    if (!directory) {
        return fail_with(directory);
    }
    struct stat status;
    if (::fstatat(*directory, mailbox.box.relative_path(message).c_str(), &status, 0) < 0) {
        return std::unexpected(gone());
    }
    return status.st_mtim.tv_sec;
}

}  // namespace relais
