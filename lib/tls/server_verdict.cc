#include "lib/tls/server_verdict.h"

#include <algorithm>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/certificate.h"
#include "lib/tls/dane.h"
#include "lib/tls/raw_keys.h"
#include "lib/tls/session_notes.h"
#include "lib/tls/tls_names.h"

namespace relais {

namespace {

bool is_dane(TlsLevel level) {
    return level == TlsLevel::kHalfDane || level == TlsLevel::kDane || level == TlsLevel::kDaneOnly;
}

// Of the length that the digest has, each byte two digits with ":" between them.
bool any_is_usable(const std::vector<std::string>& fingerprints, const EVP_MD* digest) {
    auto length = static_cast<std::size_t>(EVP_MD_get_size(digest)) * 3 - 1;
    return std::ranges::any_of(fingerprints,
                               [&](const std::string& one) { return one.size() == length; });
}

bool has_fingerprint(const std::vector<std::string>& wanted, const TlsInfo& info) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
        return iequals(one, info.certificate_fingerprint) || iequals(one, info.key_fingerprint);
    });
}

bool has_wanted_name(X509* certificate, const TlsContext::State& state,
                     const TlsConnectOptions& options) {
    WildcardLabels labels =
        state.many_wildcard_labels ? WildcardLabels::kMany : WildcardLabels::kOne;
    return tls_any_name_matches(certificate_names(certificate), options.match, labels);
}

// RFC 7672 3.2.2: the library looks for these names where a trust anchor has signed.
void set_dane_names(SSL* ssl, const TlsConnectOptions& options) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    for (const auto& name : options.match) {
        SSL_add1_host(ssl, name.c_str());
    }
}

void prepare_dane(SSL* ssl, const TlsConnectOptions& options, WantedServer& wanted) {
    if (use_tlsa_records(ssl, options.tlsa, options.peer) > 0) {
        wanted.dane = true;
        set_dane_names(ssl, options);
    } else if (options.level == TlsLevel::kDaneOnly) {
        log_warning("{}: all TLSA records unusable", options.peer);
        wanted.impossible = true;
    } else {
        log_warning("{}: all TLSA records unusable, fallback to unauthenticated TLS", options.peer);
        wanted.level = TlsLevel::kEncrypt;
    }
}

// Nothing is wrong at levels that want nothing.
long wrong_with(SSL* ssl, const TlsConnectOptions& options, const WantedServer& wanted,
                const TlsInfo& info) {
    const auto& state = state_of(ssl);
    X509* certificate = SSL_get0_peer_certificate(ssl);
    if (wanted.impossible) {
        return X509_V_ERR_UNSPECIFIED;
    }
    if (wanted.level == TlsLevel::kFingerprint) {
        return has_fingerprint(options.match, info) ? X509_V_OK : X509_V_ERR_DANE_NO_MATCH;
    }
    const long error = verify_error_of(ssl).code;
    const bool by_name = wanted.level == TlsLevel::kVerify || wanted.level == TlsLevel::kSecure;
    return error == X509_V_OK && by_name && !has_wanted_name(certificate, state, options)
               ? X509_V_ERR_HOSTNAME_MISMATCH
               : error;
}

TlsProblem problem_of(long error, const WantedServer& wanted) {
    switch (error) {
        case X509_V_OK:
            return TlsProblem::kNone;
        case X509_V_ERR_HOSTNAME_MISMATCH:
            return TlsProblem::kName;
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return TlsProblem::kExpired;
        case X509_V_ERR_CERT_UNTRUSTED:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return TlsProblem::kUntrusted;
        default:
            return wanted.impossible && wanted.level == TlsLevel::kDaneOnly ? TlsProblem::kRecords
                                                                            : TlsProblem::kOther;
    }
}

}  // namespace

WantedServer prepare_verification(SSL* ssl, const TlsConnectOptions& options) {
    WantedServer wanted;
    wanted.level = options.level;
    wanted.impossible = options.nobody;
    if (is_dane(options.level)) {
        prepare_dane(ssl, options, wanted);
    } else if (options.level == TlsLevel::kFingerprint &&
               !any_is_usable(options.match, state_of(ssl).fingerprint_digest)) {
        log_warning("{}: all fingerprints unusable", options.peer);
        wanted.impossible = true;
    } else if (options.level >= TlsLevel::kVerify && !options.tlsa.empty() &&
               use_tlsa_records(ssl, options.tlsa, options.peer) == 0) {
        log_warning("{}: all trust anchors unusable", options.peer);
        wanted.impossible = true;
    }
    return wanted;
}

VerifyError verify_error_of(SSL* ssl) {
    const auto& notes = notes_of(ssl);
    const int limit = state_of(ssl).options.verify_depth + 1;
    if (notes.verify_error != X509_V_OK && notes.error_certificate) {
        return {notes.verify_error, notes.error_depth, notes.error_certificate.get(), limit};
    }
    return {SSL_get_verify_result(ssl), 0, SSL_get0_peer_certificate(ssl), limit};
}

void judge_server(SSL* ssl, const TlsConnectOptions& options, const WantedServer& wanted,
                  TlsInfo& info) {
    info.level = wanted.level;
    info.dane = wanted.dane;
    X509* certificate = SSL_get0_peer_certificate(ssl);
    if (options.level < TlsLevel::kFingerprint) {
        return;
    }
    if (certificate == nullptr && peer_raw_key(ssl) == nullptr) {
        info.satisfied = wanted.level == TlsLevel::kEncrypt;
        info.problem = info.satisfied ? TlsProblem::kNone : TlsProblem::kUntrusted;
        return;
    }
    // At the levels that verify, a certificate is either the right one or not trusted at all.
    const long error = wrong_with(ssl, options, wanted, info);
    const bool vouched = wanted.level != TlsLevel::kHalfDane && wanted.level != TlsLevel::kEncrypt;
    info.trust = error != X509_V_OK ? TlsTrust::kUntrusted
                 : vouched          ? TlsTrust::kVerified
                                    : TlsTrust::kTrusted;
    info.satisfied = error == X509_V_OK || wanted.level == TlsLevel::kEncrypt;
    if (error == X509_V_OK) {
        return;
    }
    info.verify_error = X509_verify_cert_error_string(error);
    info.problem = problem_of(error, wanted);
    if (info.reused) {
        log_info(
            "{}: re-using session with untrusted certificate, look for details earlier in the log",
            options.peer);
    } else if (state_of(ssl).logs(TlsLogLevel::kRoutine)) {
        const auto found = verify_error_of(ssl);
        log_verify_error(found.code == error ? found : VerifyError{error, 0, certificate, 0},
                         options.peer);
    }
}

void log_verify_error(const VerifyError& error, const std::string& peer) {
    const std::string_view whose = error.depth > 0 ? "CA" : "server";
    switch (error.code) {
        case X509_V_ERR_CERT_UNTRUSTED:
            log_info("certificate verification failed for {}: not trusted by local or TLSA policy",
                     peer);
            return;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            log_info("certificate verification failed for {}: self-signed certificate", peer);
            return;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            log_info("certificate verification failed for {}: untrusted issuer {}", peer,
                     issuer_line(error.certificate));
            return;
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
            log_info(
                "certificate verification failed for {}: certificate chain longer than limit({})",
                peer, error.limit);
            return;
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
            log_info("{} certificate verification failed for {}: certificate not yet valid", whose,
                     peer);
            return;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
            log_info("{} certificate verification failed for {}: certificate has expired", whose,
                     peer);
            return;
        default:
            log_info("{} certificate verification failed for {}: num={}:{}", whose, peer,
                     error.code, X509_verify_cert_error_string(error.code));
            return;
    }
}

}  // namespace relais
