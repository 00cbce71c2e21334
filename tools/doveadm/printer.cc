#include "tools/doveadm/printer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <optional>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

constexpr std::size_t kWriteAt = 64U << 10;

// A line for each row, its values behind titles.
class FlowPrinter : public Printer {
    void put(const Column& column, std::size_t at, std::string_view value) override {
        write(at == 0 ? "" : " ");
        write(column.untitled ? "" : column.shown() + "=");
        write(value);
    }

    void put_text(const Column& column, std::size_t at, std::string_view value) override {
        put(column, at, value);
    }

    void end_row() override { write("\n"); }
};

// Titles in the first line.
class TabPrinter : public Printer {
    void begin() override {
        for (std::size_t i = 0; i < columns().size(); ++i) {
            write(i == 0 ? "" : "\t");
            write(columns()[i].shown());
        }
        if (!columns().empty()) {
            write("\n");
        }
    }

    void put(const Column& /*column*/, std::size_t at, std::string_view value) override {
        write(at == 0 ? "" : "\t");
        std::string escaped;
        for (char c : value) {
            if (c == '\t' || c == '\n' || c == '\r' || c == '\1') {
                escaped += '\1';
                escaped += c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : '1';
            } else {
                escaped += c;
            }
        }
        write(escaped);
    }

    // As it is, and with a tab behind it: Dovecot's has one there.
    void put_text(const Column& /*column*/, std::size_t at, std::string_view value) override {
        write(at == 0 ? "" : "\t");
        write(value);
        write("\t");
    }

    void end_row() override { write("\n"); }
};

// A page for each row, a line for each value.
class PagerPrinter : public Printer {
    void turn_page(std::size_t at) {
        if (at == 0 && any_) {
            write("\f\n");
        }
        any_ = true;
    }

    void put(const Column& column, std::size_t at, std::string_view value) override {
        turn_page(at);
        write(column.untitled ? "" : column.shown() + ": ");
        write(value);
        write("\n");
    }

    // A page that begins with a text has nothing in front of it: so it is with Dovecot.
    void put_text(const Column& column, std::size_t /*at*/, std::string_view value) override {
        any_ = true;
        write(column.shown() + ":\n");
        write(value);
    }

    void end_row() override {}

    bool any_ = false;
};

class JsonPrinter : public Printer {
    void begin() override { write("["); }

    void put(const Column& column, std::size_t at, std::string_view value) override {
        write(at > 0 ? "," : any_ ? ",{" : "{");
        any_ = true;
        write(quoted(column.key) + ":" + quoted(value));
    }

    void put_text(const Column& column, std::size_t at, std::string_view value) override {
        put(column, at, value);
    }

    void end_row() override { write("}"); }

    void end() override { write("]"); }

    static std::string quoted(std::string_view text) {
        std::string out = "\"";
        while (!text.empty()) {
            std::size_t size = character_size(text);
            out += size == 0 ? "\xef\xbf\xbd" : escaped(text.substr(0, size));
            text.remove_prefix(std::max<std::size_t>(size, 1));
        }
        return out + "\"";
    }

    // Of the character at the beginning, in bytes; 0: it is not UTF-8.
    static std::size_t character_size(std::string_view text) {
        constexpr std::size_t kLongestCharacter = 4;
        for (std::size_t size = 1; size <= std::min(kLongestCharacter, text.size()); ++size) {
            if (is_utf8(text.substr(0, size))) {
                return size;
            }
        }
        return 0;
    }

    static std::string escaped(std::string_view character) {
        constexpr std::string_view kNamed = "\"\\\n\r\t";
        constexpr std::string_view kNames = "\"\\nrt";
        auto named = kNamed.find(character);
        if (named != std::string_view::npos) {
            return std::string("\\") + kNames[named];
        }
        auto code = static_cast<unsigned char>(character.front());
        return code < ' ' ? relais::format("\\u{:04x}", static_cast<unsigned>(code))
                          : std::string(character);
    }

    bool any_ = false;
};

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// Columns as wide as what stands in the first rows, which wait for that.
class TablePrinter : public Printer {
    static constexpr std::size_t kLookedAt = 100;
    static constexpr std::size_t kLine = 80;

    void put(const Column& /*column*/, std::size_t /*at*/, std::string_view value) override {
        row_.emplace_back(value);
    }

    void put_text(const Column& column, std::size_t at, std::string_view value) override {
        if (value.find('\n') != std::string_view::npos) {
            end_with(kTemporary, "table formatter doesn't support multi-line values", who());
        }
        put(column, at, value);
    }

    void end_row() override {
        rows_.push_back(std::move(row_));
        row_.clear();
        if (rows_.size() >= kLookedAt) {
            write_rows();
        }
    }

    void end() override { write_rows(); }

    void measure() {
        for (const Column& column : columns()) {
            widths_.push_back(characters(column.shown()));
        }
        for (const auto& row : rows_) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                widths_[i] = std::max(widths_[i], characters(row[i]));
            }
        }
        std::size_t used = std::accumulate(widths_.begin(), widths_.end(), widths_.size() - 1);
        auto expands = std::ranges::find(columns(), true, &Column::expands);
        auto which = expands == columns().end()
                         ? widths_.size() - 1
                         : static_cast<std::size_t>(expands - columns().begin());
        widths_[which] += used < kLine ? (kLine - used) / 2 : 0;
    }

    void write_row(const std::vector<std::string>& row) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            std::size_t width = characters(row[i]);
            std::string room(widths_[i] > width ? widths_[i] - width : 0, ' ');
            write(i == 0 ? "" : " ");
            write(columns()[i].right ? room + row[i] : row[i] + room);
        }
        write("\n");
    }

    void write_rows() {
        if (widths_.empty() && !columns().empty()) {
            measure();
            if (!std::ranges::all_of(columns(), &Column::untitled)) {
                std::vector<std::string> titles;
                for (const Column& column : columns()) {
                    titles.push_back(column.shown());
                }
                write_row(titles);
            }
        }
        for (const auto& row : rows_) {
            write_row(row);
        }
        rows_.clear();
    }

    std::vector<std::string> row_;
    std::vector<std::vector<std::string>> rows_;
    std::vector<std::size_t> widths_;
};

}  // namespace

std::unique_ptr<Printer> Printer::make(std::string_view form) {
    if (form == "tab") {
        return std::make_unique<TabPrinter>();
    }
    if (form == "flow") {
        return std::make_unique<FlowPrinter>();
    }
    if (form == "json") {
        return std::make_unique<JsonPrinter>();
    }
    if (form == "pager") {
        return std::make_unique<PagerPrinter>();
    }
    return form == "table" ? std::make_unique<TablePrinter>() : nullptr;
}

void Printer::set_columns(std::vector<Column> columns) {
    columns_ = std::move(columns);
    if (!begun_) {
        begun_ = true;
        begin();
    }
}

void Printer::value(std::string_view text) {
    next(text, false);
}

void Printer::text(std::string_view text) {
    next(text, true);
}

void Printer::next(std::string_view value, bool is_text) {
    if (is_text) {
        put_text(columns_[at_], at_, value);
    } else {
        put(columns_[at_], at_, value);
    }
    if (++at_ == columns_.size()) {
        at_ = 0;
        end_row();
    }
}

void Printer::write(std::string_view bytes) {
    out_ += bytes;
    if (out_.size() >= kWriteAt) {
        auto done = write_all(fd_, out_);
        if (!done) {
            end_with(kTemporary, done.error().message);
        }
        out_.clear();
    }
}

void Printer::finish() {
    if (begun_) {
        end();
    }
    auto done = write_all(fd_, out_);
    out_.clear();
    if (!done) {
        end_with(kTemporary, done.error().message);
    }
}

namespace {

constexpr char kValue = 'v';
constexpr char kText = 't';
constexpr std::size_t kLength = 8;  // hexadecimal digits
constexpr std::size_t kLongest = std::size_t{1} << 30;

std::string frame_of(char kind, std::string_view value) {
    return format("{}{:08x}", kind, std::min(value.size(), kLongest)) +
           std::string(value.substr(0, kLongest));
}

// The length of the frame at the beginning, its head included; nothing: it is none.
std::optional<std::size_t> frame_size(std::string_view bytes) {
    std::size_t size = 0;
    for (char c : bytes.substr(1, kLength)) {
        auto digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        size = size * 16 + digit;
    }
    bool known = bytes[0] == kValue || bytes[0] == kText;
    return known && size <= kLongest ? std::optional(1 + kLength + size) : std::nullopt;
}

}  // namespace

void RowSender::put(const Column& /*column*/, std::size_t /*at*/, std::string_view value) {
    write(frame_of(kValue, value));
}

void RowSender::put_text(const Column& /*column*/, std::size_t /*at*/, std::string_view value) {
    write(frame_of(kText, value));
}

bool receive_rows(int fd, Printer& printer) {
    std::string input;
    std::array<char, 65536> piece;
    for (;;) {
        ssize_t got = ::read(fd, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 && input.empty();
        }
        input.append(piece.data(), static_cast<std::size_t>(got));
        std::size_t taken = 0;
        while (input.size() - taken > kLength) {
            std::string_view rest = std::string_view(input).substr(taken);
            auto size = frame_size(rest);
            if (!size) {
                return false;
            }
            if (rest.size() < *size) {
                break;
            }
            std::string_view value = rest.substr(1 + kLength, *size - 1 - kLength);
            if (rest[0] == kText) {
                printer.text(value);
            } else {
                printer.value(value);
            }
            taken += *size;
        }
        input.erase(0, taken);
    }
}

}  // namespace relais::doveadm
