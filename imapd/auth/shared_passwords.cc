#include "imapd/auth/shared_passwords.h"

#include <algorithm>
#include <ctime>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kLeastSecret = 32;
constexpr std::size_t kMostSecret = 4096;

}  // namespace

std::string RightPassword::serialize() const {
    return format("{} {} {}", until, hex_encode(digest), answer.serialize());
}

std::optional<RightPassword> RightPassword::parse(std::string_view text) {
    auto time = split_first(text, ' ');
    auto rest = time ? split_first(time->second, ' ') : std::nullopt;
    auto until = time ? parse_int(time->first) : std::nullopt;
    auto digest = rest ? hex_decode(rest->first) : std::nullopt;
    if (!until || !digest) {
        return std::nullopt;
    }
    return RightPassword{AuthAnswer::parse(rest->second), std::move(*digest), *until};
}

SharedPasswords::SharedPasswords() : server_(conf().login_shared_server()) {
    const std::string& path = conf().login_shared_secret_file();
    if (!server_.is_set() || path.empty()) {
        return;
    }
    auto secret = read_file(path, kMostSecret);
    if (!secret || trim(*secret).size() < kLeastSecret) {
        log_fatal("login_shared_secret_file: {}",
                  secret ? path + " is shorter than 32 bytes" : secret.error().message);
    }
    sealer_.emplace(trim(*secret));
}

// Names tell the server nothing of who the users are.
std::string SharedPasswords::name_of(std::string_view database, std::string_view user) const {
    return "relais:password:" +
           hex_encode(password_digest(sealer_->key_for("name"), database, user));
}

Task<std::optional<RightPassword>> SharedPasswords::find(std::string database, std::string user) {
    std::string name = name_of(database, user);
    auto sealed = co_await server_.get(name);
    auto text = sealed ? sealer_->open(*sealed, name) : std::nullopt;
    auto right = text ? RightPassword::parse(*text) : std::nullopt;
    auto now = static_cast<std::int64_t>(::time(nullptr));
    if (!right || right->until < now || right->until > now + conf().auth_cache_time().count()) {
        co_return std::nullopt;
    }
    co_return right;
}

Task<void> SharedPasswords::put(std::string database, std::string user, RightPassword right) {
    std::string name = name_of(database, user);
    std::string sealed = sealer_->seal(right.serialize(), name);
    co_await server_.put(name, std::move(sealed), conf().auth_cache_time());
}

Task<void> SharedPasswords::remove(std::string database, std::string user) {
    co_await server_.remove(name_of(database, user));
}

}  // namespace relais
