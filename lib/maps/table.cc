#include "lib/maps/table.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/casefold.h"

namespace relais {

namespace {

constexpr std::string_view kBadUtf8 = "malformed UTF-8 or invalid codepoint";

bool has_upper(std::string_view text) {
    for (char c : text) {
        if (c >= 'A' && c <= 'Z') {
            return true;
        }
    }
    return false;
}

}  // namespace

Table::Table(std::string type, std::string name, TableFlags flags)
    : type_(std::move(type)), name_(std::move(name)), flags_(flags) {
}

std::optional<std::string_view> Table::prepare(std::string_view key, std::string& folded) const {
    bool utf8 = (flags_ & table_flag::kUtf8Active) != 0;
    bool ascii = is_ascii(key);
    if (utf8 && !ascii && !is_utf8(key)) {
        log_warning("{}: non-UTF-8 key \"{}\": {}", reference(), printable(key), kBadUtf8);
        return std::nullopt;
    }
    TableFlags fold = is_fixed() ? table_flag::kFoldFixed : table_flag::kFoldPattern;
    if ((flags_ & fold) == 0) {
        return key;
    }
    if (utf8 && !ascii) {
        folded = fold_case(key);
        return folded;
    }
    if (!has_upper(key)) {
        return key;
    }
    folded = lowercase(key);
    return folded;
}

Lookup Table::checked(std::string_view key, Lookup answer) const {
    if (!answer.is_found() || (flags_ & table_flag::kUtf8Active) == 0 || is_ascii(answer.value()) ||
        is_utf8(answer.value())) {
        return answer;
    }
    log_warning("{}: key \"{}\": non-UTF-8 value \"{}\": {}", reference(), printable(key),
                printable(answer.value()), kBadUtf8);
    return Lookup::config_error(std::string("non-UTF-8 value"));
}

Lookup Table::find(std::string_view key) {
    std::string folded;
    auto prepared = prepare(key, folded);
    if (!prepared) {
        return Lookup::not_found();
    }
    return checked(key, find_key(*prepared));
}

Task<Lookup> Table::lookup(std::string key) {
    if (!waits()) {
        co_return find(key);
    }
    std::string folded;
    auto prepared = prepare(key, folded);
    if (!prepared) {
        co_return Lookup::not_found();
    }
    std::string searched(*prepared);
    Lookup answer = co_await lookup_key(std::move(searched));
    co_return checked(key, std::move(answer));
}

Result<void> Table::update(std::string_view key, std::string_view value) {
    std::string folded;
    auto prepared = prepare(key, folded);
    if (!prepared) {
        return {};
    }
    return update_key(*prepared, value);
}

Task<Result<void>> Table::store(std::string key, std::string value) {
    std::string folded;
    auto prepared = prepare(key, folded);
    if (!prepared) {
        co_return Result<void>();
    }
    std::string stored(*prepared);
    co_return co_await store_key(std::move(stored), std::move(value));
}

void Table::replace_from_now_on() {
    flags_ &= ~(table_flag::kWarnDuplicate | table_flag::kIgnoreDuplicate);
    flags_ |= table_flag::kReplace;
}

void Table::omit_final_nul() {
    flags_ = (flags_ & ~table_flag::kTryWithNul) | table_flag::kTryWithoutNul;
}

Result<bool> Table::erase(std::string_view key) {
    std::string folded;
    auto prepared = prepare(key, folded);
    if (!prepared) {
        return false;
    }
    return erase_key(*prepared);
}

Result<std::optional<TableEntry>> Table::sequence(Step /*step*/) {
    return fail(Errc::kDenied,
                format("table {}: sequence operation is not supported", reference()));
}

Lookup Table::find_key(std::string_view /*key*/) {
    return Lookup::config_error(format("table {}: lookup is not supported", reference()));
}

Task<Lookup> Table::lookup_key(std::string key) {
    co_return find_key(key);
}

Result<void> Table::update_key(std::string_view /*key*/, std::string_view /*value*/) {
    return fail(Errc::kDenied, format("table {}: update operation is not supported", reference()));
}

Task<Result<void>> Table::store_key(std::string key, std::string value) {
    co_return update_key(key, value);
}

Result<bool> Table::erase_key(std::string_view /*key*/) {
    return fail(Errc::kDenied, format("table {}: delete operation is not supported", reference()));
}

}  // namespace relais
