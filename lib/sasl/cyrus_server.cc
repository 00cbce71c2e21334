#include "lib/sasl/cyrus_server.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include <sasl/sasl.h>

#include "lib/base/base64.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/cyrus_library.h"

namespace relais {

namespace {

std::string reason_of(int status) {
    // Nobody is to learn from the answer which names there are.
    return ::sasl_errstring(status == SASL_NOUSER ? SASL_BADAUTH : status, nullptr, nullptr);
}

Result<CyrusHandle> converse(const CyrusSettings& settings, unsigned bits) {
    sasl_conn_t* made = nullptr;
    int status = ::sasl_server_new(settings.service.c_str(), settings.host.c_str(),
                                   settings.realm.empty() ? nullptr : settings.realm.c_str(),
                                   nullptr, nullptr, nullptr, 0, &made);
    if (status != SASL_OK) {
        return fail(Errc::kTemporary,
                    "SASL per-connection server initialization: " + reason_of(status));
    }
    CyrusHandle conversation(made);
    status = cyrus_restrict(made, bits);
    if (status != SASL_OK) {
        return fail(Errc::kTemporary, "SASL per-connection security setup; " + reason_of(status));
    }
    return conversation;
}

std::vector<std::string> list(const CyrusSettings& settings, unsigned bits, int& status) {
    std::vector<std::string> names;
    auto conversation = converse(settings, bits);
    if (!conversation) {
        log_warning("{}", conversation.error().message);
        return names;
    }
    const char* text = nullptr;
    status = ::sasl_listmech(conversation->get(), nullptr, "", " ", "", &text, nullptr, nullptr);
    if (status == SASL_OK && text != nullptr) {
        for (std::string_view word : split_words(text)) {
            names.emplace_back(word);
        }
    }
    return names;
}

// One client and at most one login.
class CyrusSession final : public CyrusConversation {
  public:
    explicit CyrusSession(const CyrusSettings& settings) : settings_(settings) {}

    std::string answer(const std::vector<std::string>& fields) override {
        if (fields.size() < 2) {
            return "";
        }
        if (fields[0] == "AUTH" && fields.size() > 2) {
            return start(fields);
        }
        if (fields[0] == "CONT" && conversation_ && fields[1] == id_) {
            return go_on(fields.size() > 2 ? fields[2] : "");
        }
        if (fields[0] == "CANCEL" && fields[1] == id_) {
            conversation_.reset();
        }
        return fields[0] == "CONT" ? AuthLine("FAIL").field(fields[1]).finish() : "";
    }

    bool is_busy() const override { return conversation_ != nullptr; }

  private:
    std::string start(const std::vector<std::string>& fields) {
        id_ = fields[1];
        AuthParameters parameters(fields, 3);
        auto bits = parse_uint(parameters.get("options")).value_or(0);
        CyrusSettings settings = settings_;
        if (settings.service.empty()) {
            settings.service = parameters.get("service");
        }
        auto made = converse(settings, static_cast<unsigned>(bits));
        if (!made) {
            log_warning("{}", made.error().message);
            return finish(SASL_FAIL);
        }
        conversation_ = std::move(*made);
        if (!parameters.has("resp")) {
            return step(::sasl_server_start(conversation_.get(), fields[2].c_str(), nullptr, 0,
                                            &out_, &out_size_));
        }
        // The library's own decoder, whose idea of what is wrong goes to the client.
        int status = cyrus_decode(parameters.get("resp"), in_);
        if (status != SASL_OK) {
            return finish(status);
        }
        return step(::sasl_server_start(conversation_.get(), fields[2].c_str(), in_.c_str(),
                                        static_cast<unsigned>(in_.size()), &out_, &out_size_));
    }

    std::string go_on(std::string_view response) {
        int status = cyrus_decode(response, in_);
        if (status != SASL_OK) {
            return finish(status);
        }
        return step(::sasl_server_step(conversation_.get(), in_.c_str(),
                                       static_cast<unsigned>(in_.size()), &out_, &out_size_));
    }

    std::string step(int status) {
        if (status != SASL_CONTINUE) {
            return finish(status);
        }
        std::string_view challenge = out_ == nullptr ? "" : std::string_view(out_, out_size_);
        return AuthLine("CONT").field(id_).field(base64_encode(challenge)).finish();
    }

    std::string finish(int status) {
        const void* name = nullptr;
        if (conversation_ && ::sasl_getprop(conversation_.get(), SASL_USERNAME, &name) != SASL_OK) {
            name = nullptr;
        }
        if (status == SASL_OK && name == nullptr) {
            log_warning("the SASL library does not say who has logged in");
            status = SASL_FAIL;
        }
        AuthLine line(status == SASL_OK ? "OK" : "FAIL");
        line.field(id_);
        if (name != nullptr) {
            line.field("user", static_cast<const char*>(name));
        }
        if (status != SASL_OK) {
            line.field("reason", reason_of(status));
        }
        if (status == SASL_FAIL || status == SASL_NOMEM || status == SASL_TRYAGAIN ||
            status == SASL_UNAVAIL) {
            line.field("temp");
        }
        conversation_.reset();
        return line.finish();
    }

    const CyrusSettings& settings_;
    std::string id_;
    CyrusHandle conversation_;
    std::string in_;
    const char* out_ = nullptr;
    unsigned out_size_ = 0;
};

}  // namespace

Result<void> cyrus_open(const CyrusSettings& settings) {
    auto found = cyrus_set_config_path(settings.config_path);
    if (!found) {
        return found;
    }
    int status = ::sasl_server_init(cyrus_callbacks().data(), settings.application.c_str());
    if (status != SASL_OK) {
        return fail(Errc::kDenied, "SASL per-process initialization failed: " + reason_of(status));
    }
    return {};
}

Result<std::vector<AuthMechanism>> cyrus_mechanisms(const CyrusSettings& settings) {
    int status = SASL_FAIL;
    std::vector<AuthMechanism> mechanisms;
    for (std::string& name : list(settings, 0, status)) {
        AuthMechanism mechanism;
        mechanism.name = std::move(name);
        mechanisms.push_back(std::move(mechanism));
    }
    if (status != SASL_OK) {
        return fail(Errc::kNotFound, reason_of(status));
    }
    // What the library leaves out on account of a flag has the property that the flag forbids, or
    // lacks the one that it demands.
    const auto ask = [&](unsigned bit, bool AuthMechanism::* property, bool listed) {
        const auto names = list(settings, bit, status);
        for (AuthMechanism& each : mechanisms) {
            each.*property = (std::ranges::find(names, each.name) != names.end()) == listed;
        }
    };
    ask(SaslSecurity::kNoPlaintext, &AuthMechanism::plaintext, false);
    ask(SaslSecurity::kNoActive, &AuthMechanism::active, false);
    ask(SaslSecurity::kNoDictionary, &AuthMechanism::dictionary, false);
    ask(SaslSecurity::kNoAnonymous, &AuthMechanism::anonymous, false);
    ask(SaslSecurity::kForwardSecrecy, &AuthMechanism::forward_secrecy, true);
    ask(SaslSecurity::kMutual, &AuthMechanism::mutual, true);
    return mechanisms;
}

void cyrus_serve(int fd, const CyrusSettings& settings, std::size_t longest_line,
                 std::chrono::seconds step_time) {
    CyrusSession session(settings);
    cyrus_converse(fd, session, longest_line, step_time);
}

}  // namespace relais
