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
constexpr const char* kGeneration = "relais:generation";
constexpr std::chrono::seconds kLeastGeneration = std::chrono::days(7);

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

// Names tell the server nothing of who the users are.  They have to do with the generation, a word
// that the server keeps as well: with another one, all of them are others.
Task<std::string> SharedPasswords::name_of(std::string database, std::string user) {
    auto sealed = co_await server_.get(kGeneration);
    auto generation = sealed ? sealer_->open(*sealed, kGeneration) : std::nullopt;
    std::string key = sealer_->key_for("name" + generation.value_or(""));
    co_return "relais:password:" + hex_encode(password_digest(key, database, user));
}

Task<std::optional<RightPassword>> SharedPasswords::find(std::string database, std::string user) {
    std::string name = co_await name_of(std::move(database), std::move(user));
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
    std::string name = co_await name_of(std::move(database), std::move(user));
    std::string sealed = sealer_->seal(right.serialize(), name);
    co_await server_.put(name, std::move(sealed), conf().auth_cache_time());
}

Task<void> SharedPasswords::remove(std::string database, std::string user) {
    std::string name = co_await name_of(std::move(database), std::move(user));
    co_await server_.remove(std::move(name));
}

// It has to be known for as long as anything of before is kept.
Task<void> SharedPasswords::remove_all() {
    std::string sealed = sealer_->seal(hex_encode(random_secret(16)), kGeneration);
    auto keep = std::max<std::chrono::seconds>(conf().auth_cache_time(), kLeastGeneration);
    co_await server_.put(kGeneration, std::move(sealed), keep);
}

}  // namespace relais
