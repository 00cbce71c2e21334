#include "lib/sasl/cyrus_client.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include <sasl/sasl.h>

#include "lib/base/base64.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/bearer_client.h"
#include "lib/sasl/cyrus_library.h"

namespace relais {

namespace {

constexpr std::size_t kFields = 10;  // with AUTH and its id

std::string text_of(int status) {
    return ::sasl_errstring(status, nullptr, nullptr);
}

// Who logs in, as the library wants to hear it.
class Secrets {
  public:
    Secrets() = default;

    void set(const std::vector<std::string>& fields) {
        user_ = fields[6];
        // sasl_secret_t is a length with the bytes behind it.
        secret_.assign(sizeof(sasl_secret_t) + fields[7].size(), std::byte{0});
        auto* secret = new (secret_.data()) sasl_secret_t();
        secret->len = fields[7].size();
        std::memcpy(&secret_[offsetof(sasl_secret_t, data)], fields[7].data(), fields[7].size());
        authorize_ = fields[8] == "1";
    }

    std::array<sasl_callback_t, 5> callbacks() {
        using Proc = int (*)(void);
        return {{{SASL_CB_USER, std::bit_cast<Proc>(&Secrets::name), this},
                 {SASL_CB_AUTHNAME, std::bit_cast<Proc>(&Secrets::name), this},
                 {SASL_CB_PASS, std::bit_cast<Proc>(&Secrets::password), this},
                 cyrus_callbacks()[0],
                 {SASL_CB_LIST_END, nullptr, nullptr}}};
    }

  private:
    static int name(void* context, int id, const char** result, unsigned* length) {
        const auto* self = static_cast<Secrets*>(context);
        const bool authorization = id == SASL_CB_USER;
        *result = authorization && !self->authorize_ ? "" : self->user_.c_str();
        if (length != nullptr) {
            *length = static_cast<unsigned>(std::strlen(*result));
        }
        return SASL_OK;
    }

    static int password(sasl_conn_t* connection, void* context, int id, sasl_secret_t** secret) {
        auto* self = static_cast<Secrets*>(context);
        if (connection == nullptr || secret == nullptr || id != SASL_CB_PASS) {
            return SASL_BADPARAM;
        }
        *secret = std::launder(reinterpret_cast<sasl_secret_t*>(self->secret_.data()));
        return SASL_OK;
    }

    std::string user_;
    std::vector<std::byte> secret_;
    bool authorize_ = false;
};

class ClientSession final : public CyrusConversation {
  public:
    ClientSession() : callbacks_(secrets_.callbacks()) {}

    std::string answer(const std::vector<std::string>& fields) override {
        if (fields[0] == "AUTH" && fields.size() == kFields) {
            return start(fields);
        }
        if (fields.size() < 2 || fields[1] != id_) {
            return "";
        }
        if (fields[0] == "CONT" && !bearer_.empty()) {
            return AuthLine("CONT")
                .field(id_)
                .field(base64_encode(bearer_end(std::exchange(bearer_, ""))))
                .finish();
        }
        if (fields[0] == "CONT" && connection_) {
            return go_on(fields.size() > 2 ? fields[2] : "");
        }
        connection_.reset();
        bearer_.clear();
        return "";
    }

    bool is_busy() const override { return connection_ != nullptr || !bearer_.empty(); }

  private:
    // A token is a secret that goes over the line, like a password.
    std::string start_bearer(const std::vector<std::string>& fields) {
        AuthMechanism mechanism;
        mechanism.plaintext = true;
        auto bits = static_cast<unsigned>(parse_uint(fields[4]).value_or(0));
        if (!SaslSecurity::from_bits(bits).allows(mechanism)) {
            return give_up(SASL_NOMECH);
        }
        std::string name(split_words(fields[9]).front());
        auto response = bearer_response(name, fields[6], fields[7], fields[3]);
        if (!response) {
            return give_up(SASL_BADPARAM);
        }
        bearer_ = name;
        return AuthLine("CONT").field(id_).field(name + " " + base64_encode(*response)).finish();
    }

    std::string start(const std::vector<std::string>& fields) {
        id_ = fields[1];
        bearer_.clear();
        if (!split_words(fields[9]).empty()) {
            return start_bearer(fields);
        }
        secrets_.set(fields);
        sasl_conn_t* made = nullptr;
        int status = ::sasl_client_new(fields[2].c_str(), fields[3].c_str(), nullptr, nullptr,
                                       callbacks_.data(), 0, &made);
        connection_.reset(made);
        if (status != SASL_OK) {
            log_warning("per-session SASL client initialization: {}", text_of(status));
            return give_up(status);
        }
        status = cyrus_restrict(made, static_cast<unsigned>(parse_uint(fields[4]).value_or(0)));
        if (status != SASL_OK) {
            log_warning("SASL per-connection security setup; {}", text_of(status));
            return give_up(status);
        }
        const char* mechanism = nullptr;
        const char* out = nullptr;
        unsigned size = 0;
        status = ::sasl_client_start(made, fields[5].c_str(), nullptr, &out, &size, &mechanism);
        if (status != SASL_OK && status != SASL_CONTINUE) {
            return give_up(status);
        }
        std::string text = mechanism;
        if (size > 0) {
            text += " " + base64_encode({out, size});
        }
        return AuthLine("CONT").field(id_).field(text).finish();
    }

    std::string go_on(std::string_view challenge) {
        std::string decoded;
        int status = cyrus_decode(challenge, decoded);
        if (status != SASL_OK) {
            return give_up(status);
        }
        const char* out = nullptr;
        unsigned size = 0;
        status = ::sasl_client_step(connection_.get(), decoded.c_str(),
                                    static_cast<unsigned>(decoded.size()), nullptr, &out, &size);
        if (status != SASL_OK && status != SASL_CONTINUE) {
            return give_up(status);
        }
        const std::string_view response = size > 0 ? std::string_view(out, size) : "";
        return AuthLine("CONT").field(id_).field(base64_encode(response)).finish();
    }

    std::string give_up(int status) {
        connection_.reset();
        return AuthLine("FAIL").field(id_).field("reason", text_of(status)).finish();
    }

    Secrets secrets_;
    std::array<sasl_callback_t, 5> callbacks_;
    std::string id_;
    CyrusHandle connection_;
    std::string bearer_;  // the mechanism, while the library has no part in the login
};

}  // namespace

std::vector<std::string> CyrusLogin::fields() const {
    return {service, host,     std::to_string(security),       mechanisms,
            user,    password, send_authorization ? "1" : "0", token_mechanisms};
}

Result<void> cyrus_client_open(const std::string& config_path) {
    auto found = cyrus_set_config_path(config_path);
    if (!found) {
        return found;
    }
    int status = ::sasl_client_init(cyrus_callbacks().data());
    if (status != SASL_OK) {
        return fail(Errc::kDenied, "SASL library initialization error: " + text_of(status));
    }
    return {};
}

std::string_view sasl_challenge(std::string_view text) {
    constexpr std::string_view kSeparators = "- \t\n";
    const auto code = text.find_first_not_of(kSeparators);
    const auto end = code == std::string_view::npos ? code : text.find_first_of(kSeparators, code);
    return end == std::string_view::npos ? "" : text.substr(end + 1);
}

std::unique_ptr<CyrusConversation> cyrus_client_conversation() {
    return std::make_unique<ClientSession>();
}

void cyrus_client_serve(int fd, std::size_t longest_line, std::chrono::seconds step_time) {
    ClientSession session;
    cyrus_converse(fd, session, longest_line, step_time);
}

}  // namespace relais
