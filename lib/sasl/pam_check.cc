#include "lib/sasl/pam_check.h"

#include <cstdlib>
#include <cstring>

#include <security/pam_appl.h>

#include "lib/base/format.h"

namespace relais {

namespace {

void free_replies(pam_response* replies, int count) {
    for (int i = 0; i < count; ++i) {
        ::free(replies[i].resp);
    }
    ::free(replies);
}

// Modules ask for the password without an echo, and for the name with one; PAM frees the answers.
int converse(int count, const pam_message** messages, pam_response** replies, void* data) {
    const auto& login = *static_cast<const PamLogin*>(data);
    if (count <= 0 || count > PAM_MAX_NUM_MSG) {
        return PAM_CONV_ERR;
    }
    auto* made =
        static_cast<pam_response*>(::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    if (made == nullptr) {
        return PAM_BUF_ERR;
    }
    for (int i = 0; i < count; ++i) {
        int style = messages[i]->msg_style;
        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) {
            const std::string& answer = style == PAM_PROMPT_ECHO_OFF ? login.password : login.user;
            made[i].resp = ::strdup(answer.c_str());
        } else if (style != PAM_TEXT_INFO && style != PAM_ERROR_MSG) {
            free_replies(made, count);
            return PAM_CONV_ERR;
        }
    }
    *replies = made;
    return PAM_SUCCESS;
}

class PamSession {
  public:
    PamSession() = default;
    PamSession(const PamSession&) = delete;
    PamSession& operator=(const PamSession&) = delete;

    ~PamSession() {
        if (handle_ != nullptr) {
            ::pam_end(handle_, status_);
        }
    }

    bool does(int status) {
        status_ = status;
        return status == PAM_SUCCESS;
    }

    bool start(const PamLogin& login, const pam_conv* conversation) {
        return does(::pam_start(login.service.c_str(), login.user.c_str(), conversation,
                                &handle_)) &&
               (login.host.empty() ||
                does(::pam_set_item(handle_, PAM_RHOST, login.host.c_str()))) &&
               does(::pam_set_item(handle_, PAM_TTY, "relais"));
    }

    pam_handle_t* handle() const { return handle_; }

    std::unexpected<Error> failure(std::string_view what) const {
        bool denied = status_ == PAM_AUTH_ERR || status_ == PAM_USER_UNKNOWN ||
                      status_ == PAM_MAXTRIES || status_ == PAM_ACCT_EXPIRED ||
                      status_ == PAM_NEW_AUTHTOK_REQD || status_ == PAM_PERM_DENIED ||
                      status_ == PAM_CRED_EXPIRED;
        return fail(denied ? Errc::kDenied : Errc::kTemporary,
                    format("{}: {}", what, ::pam_strerror(handle_, status_)));
    }

  private:
    pam_handle_t* handle_ = nullptr;
    int status_ = PAM_SUCCESS;
};

}  // namespace

Result<std::string> pam_check(const PamLogin& login) {
    if (login.user.contains('\0') || login.password.contains('\0')) {
        return fail(Errc::kDenied, "a NUL in name or password");
    }
    PamLogin copy = login;
    pam_conv conversation{&converse, &copy};
    PamSession session;
    if (!session.start(login, &conversation)) {
        return session.failure("pam_start");
    }
    if (!session.does(::pam_authenticate(session.handle(), PAM_SILENT))) {
        return session.failure("pam_authenticate");
    }
    if (!session.does(::pam_acct_mgmt(session.handle(), PAM_SILENT))) {
        return session.failure("pam_acct_mgmt");
    }
    const void* name = nullptr;
    if (!session.does(::pam_get_item(session.handle(), PAM_USER, &name)) || name == nullptr) {
        return session.failure("pam_get_item");
    }
    return std::string(static_cast<const char*>(name));
}

}  // namespace relais
