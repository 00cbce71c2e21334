#include "lib/sasl/users_file.h"

#include <algorithm>

#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{256} << 20;
constexpr std::size_t kExtraField = 7;

void set_unless_empty(AuthParameters& entry, std::string_view name, std::string_view value) {
    if (!value.empty()) {
        entry.set(name, value);
    }
}

AuthParameters parse_entry(std::string_view line, const std::vector<std::string_view>& fields) {
    auto field = [&fields](std::size_t i) {
        return i < fields.size() ? fields[i] : std::string_view();
    };
    AuthParameters entry;
    entry.set("password", field(1));
    set_unless_empty(entry, "userdb_uid", field(2));
    set_unless_empty(entry, "userdb_gid", field(3));
    set_unless_empty(entry, "userdb_home", field(5));
    if (fields.size() <= kExtraField) {
        return entry;
    }
    // Extra fields may hold colons: they are all that is left.
    auto start = static_cast<std::size_t>(fields[kExtraField].data() - line.data());
    for (std::string_view word : split_words(line.substr(start))) {
        auto parts = split_first(word, '=');
        entry.set(parts ? parts->first : word, parts ? parts->second : "");
    }
    return entry;
}

bool bits_equal(std::string_view a, std::string_view b, std::uint64_t bits) {
    for (std::size_t i = 0; i < a.size() && bits > 0; ++i) {
        std::uint64_t here = std::min<std::uint64_t>(bits, 8);
        auto mask = static_cast<unsigned char>(0xff << (8 - here));
        if ((static_cast<unsigned char>(a[i]) & mask) !=
            (static_cast<unsigned char>(b[i]) & mask)) {
            return false;
        }
        bits -= here;
    }
    return true;
}

bool in_network(std::string_view network, const SocketAddress& address) {
    auto parts = split_first(network, '/');
    auto base = SocketAddress::parse(parts ? parts->first : network, 0);
    if (!base || base->family() != address.family()) {
        return false;
    }
    std::uint64_t most = base->bytes().size() * 8;
    auto bits = parts ? parse_uint(parts->second) : std::optional<std::uint64_t>(most);
    return bits && *bits <= most && bits_equal(base->bytes(), address.bytes(), *bits);
}

}  // namespace

Result<void> UsersFile::refresh(int fd) {
    struct stat status;
    if (::fstat(fd, &status) < 0) {
        return fail_errno("stat");
    }
    Stamp now{status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec, status.st_size,
              status.st_ino};
    if (now == stamp_) {
        return {};
    }
    auto text = read_all(fd, kMaxFile);
    if (!text) {
        return fail_with(text);
    }
    parse(*text);
    ++version_;
    stamp_ = now;
    return {};
}

void UsersFile::parse(std::string_view text) {
    users_.clear();
    for (std::string_view line : split_fields(text, '\n')) {
        line = trim_right(line, "\r");
        if (trim(line).empty() || line.starts_with('#')) {
            continue;
        }
        auto fields = split_fields(line, ':');
        if (!fields[0].empty() &&
            !users_.try_emplace(std::string(fields[0]), parse_entry(line, fields)).second) {
            log_warning("users' file: user {} occurs again: the first line counts",
                        printable(fields[0]));
        }
    }
}

const AuthParameters* UsersFile::find(std::string_view user) const {
    auto found = users_.find(user);
    return found == users_.end() ? nullptr : &found->second;
}

std::vector<std::string> UsersFile::users() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : users_) {
        names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
}

bool address_allowed(std::string_view networks, std::string_view address) {
    if (networks.empty()) {
        return true;
    }
    auto parsed = SocketAddress::parse(address, 0);
    return std::ranges::any_of(split_words(networks, ", "), [&](std::string_view network) {
        return network == "local" ? address.empty() : parsed && in_network(network, *parsed);
    });
}

}  // namespace relais
