// Reads what Dovecot's index files say, as far as an import needs it: UIDs, flags, keywords, and
// the records of extensions.  FILE is a snapshot, FILE.log (and FILE.log.2 before it) is what has
// happened since.  Nothing is written.
//
// Numbers are of the machine that wrote them: little-endian files are read.  Everything in them is
// checked before it is used; what makes no sense ends the reading there.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

class DovecotIndex {
  public:
    struct Record {
        std::uint8_t flags = 0;                             // Dovecot's bits
        std::vector<std::uint32_t> keywords{};              // numbers of names, ascending
        std::map<std::uint32_t, std::string> extensions{};  // by the extension's number
    };

    struct Extension {
        std::string name;
        std::string header;
        std::uint32_t reset_id = 0;
        std::uint16_t record_size = 0;
    };

    // An empty index where there is none of the files.  kCorrupt: there is one, and it is none.
    [[nodiscard]] static Result<DovecotIndex> load(const std::string& path);

    bool exists() const { return exists_; }

    std::uint32_t uid_validity() const { return read_header(24); }

    std::uint32_t next_uid() const { return read_header(28); }

    const std::map<std::uint32_t, Record>& records() const { return records_; }

    const std::vector<std::string>& keywords() const { return keywords_; }

    // Its header's bytes; empty where there is none of that name.
    std::string_view extension_header(std::string_view name) const;

    // The bytes of a message's record.
    std::string_view extension_record(const Record& record, std::string_view name) const;

  private:
    static constexpr std::size_t kHeaderSize = 120;

    friend class DovecotIndexFile;
    friend class DovecotIndexLog;

    std::uint32_t read_header(std::size_t offset) const;
    std::optional<std::uint32_t> extension_number(std::string_view name) const;
    std::uint32_t keyword_number(std::string_view name);

    bool exists_ = false;
    std::array<char, kHeaderSize> header_{};
    std::vector<Extension> extensions_;
    std::vector<std::string> keywords_;
    std::map<std::uint32_t, Record> records_;
};

}  // namespace relais
