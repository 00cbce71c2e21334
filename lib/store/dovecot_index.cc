#include "lib/store/dovecot_index.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/file.h"
#include "lib/store/byte_reader.h"
#include "lib/store/dovecot_index_log.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 30;
constexpr std::size_t kMaxNames = 4096;
constexpr std::uint8_t kMajorVersion = 7;

// Nothing where there is no such file.
Result<std::string> read_if_there(const std::string& path) {
    auto text = read_file(path, kMaxFile);
    return text || text.error().sys_errno != ENOENT ? text : std::string();
}

}  // namespace

// The snapshot.
class DovecotIndexFile {
  public:
    DovecotIndexFile(DovecotIndex& index, std::string_view bytes) : index_(index), bytes_(bytes) {}

    bool read() {
        ByteReader start(bytes_);
        const std::uint8_t major = start.u8();
        start.u8();
        const std::uint16_t base_size = start.u16();
        header_size_ = start.u32();
        record_size_ = start.u32();
        if (!start.good() || major != kMajorVersion || base_size < DovecotIndex::kHeaderSize ||
            header_size_ < base_size || header_size_ > bytes_.size() || record_size_ < 5) {
            return false;
        }
        std::memcpy(index_.header_.data(), bytes_.data(), index_.header_.size());
        ByteReader extensions(bytes_.substr(0, header_size_));
        extensions.take(base_size);
        while (!extensions.at_end() && take_extension(extensions)) {
        }
        take_records();
        return true;
    }

  private:
    struct Place {
        std::uint16_t offset;
        std::uint16_t size;
    };

    bool take_extension(ByteReader& reader) {
        reader.align(8);
        const std::uint32_t size = reader.u32();
        DovecotIndex::Extension extension;
        extension.reset_id = reader.u32();
        const Place place{reader.u16(), reader.u16()};
        reader.u16();  // the alignment
        const std::uint16_t name_size = reader.u16();
        extension.name = reader.take(name_size);
        extension.record_size = place.size;
        reader.align(8);
        extension.header = reader.take(size);
        if (!reader.good() || extension.name.empty() || places_.size() >= kMaxNames) {
            return false;
        }
        if (extension.name == "keywords") {
            keywords_at_ = places_.size();
            take_keyword_names(extension.header);
        }
        places_.push_back(place);
        index_.extensions_.push_back(std::move(extension));
        return true;
    }

    void take_keyword_names(std::string_view header) {
        ByteReader reader(header);
        const std::uint32_t count = std::min<std::uint32_t>(reader.u32(), kMaxNames);
        std::vector<std::uint32_t> offsets;
        for (std::uint32_t i = 0; i < count && reader.good(); ++i) {
            reader.u32();
            offsets.push_back(reader.u32());
        }
        std::string_view names = reader.take(reader.size());
        for (std::uint32_t offset : offsets) {
            std::string_view name = names.substr(std::min<std::size_t>(offset, names.size()));
            index_.keywords_.emplace_back(name.substr(0, name.find('\0')));
        }
    }

    void take_records() {
        ByteReader reader(bytes_);
        reader.take(header_size_);
        const std::uint32_t count = index_.read_header(32);
        for (std::uint32_t i = 0; i < count && reader.size() >= record_size_; ++i) {
            std::string_view bytes = reader.take(record_size_);
            ByteReader fields(bytes);
            const std::uint32_t uid = fields.u32();
            DovecotIndex::Record record;
            record.flags = fields.u8();
            for (std::uint32_t n = 0; n < places_.size(); ++n) {
                const Place& place = places_[n];
                if (std::size_t{place.offset} + place.size > bytes.size() || place.size == 0) {
                    continue;
                }
                std::string_view value = bytes.substr(place.offset, place.size);
                if (n == keywords_at_) {
                    take_keywords(record, value);
                } else {
                    record.extensions[n] = value;
                }
            }
            index_.records_.insert_or_assign(uid, std::move(record));
        }
    }

    void take_keywords(DovecotIndex::Record& record, std::string_view bits) const {
        for (std::uint32_t i = 0; i < index_.keywords_.size() && i / 8 < bits.size(); ++i) {
            if ((static_cast<unsigned char>(bits[i / 8]) >> i % 8 & 1) != 0) {
                record.keywords.push_back(i);
            }
        }
    }

    DovecotIndex& index_;
    std::string_view bytes_;
    std::uint32_t header_size_ = 0;
    std::uint32_t record_size_ = 0;
    std::vector<Place> places_;
    std::size_t keywords_at_ = kMaxNames;
};

std::uint32_t DovecotIndex::read_header(std::size_t offset) const {
    ByteReader reader(std::string_view(header_.data(), header_.size()).substr(offset));
    return reader.u32();
}

std::optional<std::uint32_t> DovecotIndex::extension_number(std::string_view name) const {
    auto found = std::ranges::find(extensions_, name, &Extension::name);
    return found != extensions_.end()
               ? std::optional(static_cast<std::uint32_t>(found - extensions_.begin()))
               : std::nullopt;
}

std::uint32_t DovecotIndex::keyword_number(std::string_view name) {
    auto found = std::ranges::find(keywords_, name);
    if (found == keywords_.end() && keywords_.size() < kMaxNames) {
        found = keywords_.insert(keywords_.end(), std::string(name));
    }
    return static_cast<std::uint32_t>(found - keywords_.begin());
}

std::string_view DovecotIndex::extension_header(std::string_view name) const {
    auto number = extension_number(name);
    return number ? std::string_view(extensions_[*number].header) : std::string_view();
}

std::string_view DovecotIndex::extension_record(const Record& record, std::string_view name) const {
    auto number = extension_number(name);
    auto found = number ? record.extensions.find(*number) : record.extensions.end();
    return found != record.extensions.end() ? std::string_view(found->second) : std::string_view();
}

Result<DovecotIndex> DovecotIndex::load(const std::string& path) {
    DovecotIndex index;
    auto snapshot = read_if_there(path);
    auto log = read_if_there(path + ".log");
    auto older = read_if_there(path + ".log.2");
    for (const auto* text : {&snapshot, &log, &older}) {
        if (!*text) {
            return fail_with(*text);
        }
    }
    if (!snapshot->empty() && !DovecotIndexFile(index, *snapshot).read()) {
        return fail(Errc::kCorrupt, path + " is no index of Dovecot 2");
    }
    bool whole = true;
    for (const std::string* text : {&*older, &*log}) {
        whole = text->empty() || DovecotIndexLog(index, *text).apply();
    }
    index.exists_ = !snapshot->empty() || !log->empty();
    return whole ? Result<DovecotIndex>(std::move(index))
                 : fail(Errc::kCorrupt, path + ".log is no log of Dovecot 2");
}

}  // namespace relais
