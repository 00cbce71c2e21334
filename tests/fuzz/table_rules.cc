// Fuzz target: the sources of regexp, pcre and cidr tables, in files and in names, inline tables,
// and lookups in what came out.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/mman.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"
#include "lib/maps/patterns/replacement.h"
#include "lib/maps/registry.h"

namespace {

using namespace relais;

// Expressions themselves are the C library's and PCRE2's: what makes those slow (repetition of
// repetitions) or deep is left out.
std::string tamed(std::string_view text) {
    std::string out(text.substr(0, 400));
    for (char& c : out) {
        if (c == '*' || c == '+' || c == '{' || c == '(') {
            c = '.';
        }
    }
    return out;
}

void look_up(const std::string& reference, TableFlags flags) {
    auto table = open_table(reference, OpenMode::kRead, flags);
    if (!table) {
        return;
    }
    for (auto key : {"", "a", "abc.example", "192.0.2.1", "2001:db8::1", "\xc3\xa9", "\xff"}) {
        (void)(*table)->find(key);
    }
}

void look_up_file(std::string_view type, std::string_view text) {
    UniqueFd file(::memfd_create("rules", MFD_CLOEXEC));
    if (write_all(file.get(), text)) {
        look_up(format("{}:/proc/self/fd/{}", type, file.get()), 0);
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool quiet = [] {
        LogOptions options;
        options.to_syslog = false;
        log_open(options);
        set_conf(Config::from_text("myhostname = a.example\n"));
        return true;
    }();
    (void)quiet;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.empty()) {
        return 0;
    }
    constexpr TableFlags kFlags = table_flag::kFoldFixed | table_flag::kUtf8Request;
    const std::string_view rest = text.substr(1);
    switch (text.front() & 7) {
        case 0:
            look_up(format("inline:{}", rest), kFlags);
            break;
        case 1:
            look_up(format("cidr:{{{}}}", rest), kFlags);
            break;
        case 2:
            look_up(format("pcre:{{{{{}}}}}", tamed(rest)), kFlags);
            break;
        case 3:
            look_up(format("regexp:{{{{{}}}}}", tamed(rest)), kFlags);
            break;
        case 4:
            look_up_file("cidr", rest);
            break;
        case 5:
            look_up_file("pcre", tamed(rest));
            break;
        case 6:
            look_up_file("regexp", tamed(rest));
            break;
        default:
            if (auto result = Replacement::parse(rest)) {
                (void)result->expand([](int) { return "x"; });
            }
    }
    return 0;
}
