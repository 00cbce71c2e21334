// The quick-start file relais.index: what a Mailbox knew when it was last closed, so that opening
// it again costs no reading of the directory as long as nothing has happened.  It may be deleted at
// any time; nothing in it is believed that the directory's times do not confirm.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/index_header.h"
#include "lib/store/mailbox.h"

namespace relais {

namespace {

constexpr std::array<char, 8> kMagic = {'R', 'L', 'S', 'I', 'D', 'X', '0', '3'};
constexpr std::string_view kFileName = "relais.index";
constexpr std::size_t kMaxFile = std::size_t{1} << 30;

struct IndexRecord {
    std::uint32_t uid;
    std::uint32_t keywords;
    std::uint32_t name_at;
    std::uint16_t name_size;
    std::uint8_t system;
    std::uint8_t in_new;
};

// So many messages, in the order of their UIDs, have this number.
struct ChangeRun {
    std::uint64_t modseq;
    std::uint64_t count;
};

static_assert(std::is_trivially_copyable_v<IndexHeader> && sizeof(IndexRecord) == 16);

// Later numbers cannot be: next_change() has to have room.
constexpr std::uint64_t kMaxChange = std::uint64_t{1} << 62;

// Finds torn files, nothing cleverer (FNV-1a over words).
std::uint64_t checksum_of(std::string_view bytes) {
    std::uint64_t sum = 0xcbf29ce484222325;
    while (bytes.size() >= 8) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data(), 8);
        sum = (sum ^ word) * 0x100000001b3;
        sum ^= sum >> 29;
        bytes.remove_prefix(8);
    }
    for (char c : bytes) {
        sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return sum;
}

constexpr std::size_t kSummed = offsetof(IndexHeader, uid_validity);

}  // namespace

void Mailbox::load_index() {
    auto text = read_file(place_.index_directory() + "/" + std::string(kFileName), kMaxFile);
    IndexHeader header;
    bool whole = text && text->size() >= sizeof(header);
    if (whole) {
        std::memcpy(&header, text->data(), sizeof(header));
        std::uint64_t behind = std::uint64_t{header.count} * sizeof(IndexRecord) +
                               std::uint64_t{header.runs} * sizeof(ChangeRun);
        whole = header.magic == kMagic && header.names_size <= kMaxFile &&
                text->size() - sizeof(header) == behind + header.names_size &&
                header.last_change < kMaxChange && header.floor < kMaxChange &&
                header.checksum == checksum_of(std::string_view(*text).substr(kSummed));
    }
    if (!whole) {
        if (ChangeJournal::exists(place_.index_directory())) {
            // Begins anew when we have looked.
            journal_.emplace(place_.index_directory(), place_.file_mode, place_.storage);
        }
        return;
    }
    Stamps stored{header.stamps[0], header.stamps[1], header.stamps[2], header.stamps[3],
                  header.stamps[4]};
    Stamps now = stamps_now();
    if (stored.uidlist.inode == now.uidlist.inode || now.uidlist.inode == 0) {
        first_recent_ = header.first_recent;  // only a hint, harmless when it is old
    }
    // Whatever else has happened, UIDs below this one have been given out.
    uid_validity_ = header.uid_validity;
    next_uid_ = header.next_uid;
    left_empty_ = stored.cur.inode != 0 && stored.cur.size == 0;
    guid_ = std::string(header.guid.data(), ::strnlen(header.guid.data(), header.guid.size()));
    last_change_ = std::max<std::uint64_t>(header.last_change, 1);
    floor_ = header.floor;
    bool confirmed = stored.directory == now.directory && stored.cur == now.cur &&
                     stored.uidlist == now.uidlist && header.settled != 0;
    auto keywords = confirmed ? load_keywords() : fail(Errc::kNotFound, "");
    confirmed = keywords && keywords->stamp() == stored.keywords;
    if (confirmed || header.tracked != 0 || relies_on_index()) {
        take_messages(std::string_view(*text).substr(sizeof(header)), header);
    }
    if (header.tracked != 0) {
        resume_journal(header, confirmed);
    }
    last_flag_change_ = last_change_;
    if (confirmed) {
        keywords_ = std::move(*keywords);
        listed_ = header.listed;
        known_ = stored;
        scanned_ = true;
        index_stale_ = false;
    }
}

// As they were when the file was written, for comparison where the directory says otherwise now.
void Mailbox::take_messages(std::string_view body, const IndexHeader& header) {
    std::size_t records = header.count * sizeof(IndexRecord);
    std::string_view runs = body.substr(records, header.runs * sizeof(ChangeRun));
    names_ = std::string(body.substr(records + runs.size()));
    messages_.resize(header.count);
    ChangeRun run{last_change_, header.runs == 0 ? header.count : 0};
    for (std::size_t i = 0; i < header.count; ++i) {
        for (; run.count == 0 && !runs.empty(); runs.remove_prefix(sizeof(run))) {
            std::memcpy(&run, runs.data(), sizeof(run));
        }
        IndexRecord record;
        std::memcpy(&record, body.data() + i * sizeof(record), sizeof(record));
        MailMessage& message = messages_[i];
        message.uid = record.uid;
        message.keywords = record.keywords;
        message.name_at = record.name_at;
        message.name_size = record.name_size;
        message.system = record.system;
        message.in_new = record.in_new != 0;
        message.change = run.modseq;
        run.count -= run.count > 0 ? 1 : 0;
    }
}

void Mailbox::append_change_runs(std::string& text, std::uint32_t& count) const {
    ChangeRun run{0, 0};
    auto finish = [&] {
        if (run.count > 0) {
            text.append(reinterpret_cast<const char*>(&run), sizeof(run));
            ++count;
        }
    };
    for (const MailMessage& message : messages_) {
        if (modseq_of(message) != run.modseq) {
            finish();
            run = {modseq_of(message), 0};
        }
        ++run.count;
    }
    finish();
}

void Mailbox::save_index() {
    if (!scanned_ || !index_stale_ || foreign_change_) {
        return;
    }
    save_soon_ = false;
    IndexHeader header;
    header.magic = kMagic;
    header.uid_validity = uid_validity_;
    header.next_uid = next_uid_;
    header.first_recent = first_recent_;
    header.count = static_cast<std::uint32_t>(messages_.size());
    header.listed = listed_;
    header.settled = verify_at_ ? 0 : 1;
    header.stamps = {known_.directory, known_.cur, known_.fresh, known_.uidlist, known_.keywords};
    header.last_change = last_change_;
    header.floor = floor_;
    header.tracked = journal_ ? 1 : 0;
    header.journal_last = journal_ ? journal_->last() : 0;
    std::ranges::copy(std::string_view(guid_).substr(0, header.guid.size()), header.guid.begin());
    std::string text(sizeof(header), '\0');
    std::string names;
    for (const MailMessage& message : messages_) {
        IndexRecord record{message.uid,
                           message.keywords,
                           static_cast<std::uint32_t>(names.size()),
                           message.name_size,
                           shared_system(message),
                           static_cast<std::uint8_t>(message.in_new ? 1 : 0)};
        names += name_of(message);
        text.append(reinterpret_cast<const char*>(&record), sizeof(record));
    }
    if (journal_) {
        append_change_runs(text, header.runs);
    }
    text += names;
    header.names_size = names.size();
    std::memcpy(text.data(), &header, sizeof(header));
    header.checksum = checksum_of(std::string_view(text).substr(kSummed));
    std::memcpy(text.data(), &header, sizeof(header));
    // No sync: a torn file is found by its checksum, and rebuilt.
    std::string path = place_.index_directory() + "/" + std::string(kFileName);
    std::string temporary = path + ".tmp";
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, place_.file_mode);
    if (fd && write_all(fd->get(), text) && std::rename(temporary.c_str(), path.c_str()) == 0) {
        index_stale_ = false;
    } else {
        ::unlink(temporary.c_str());
    }
}

}  // namespace relais
