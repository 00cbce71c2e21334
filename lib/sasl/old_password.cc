#include "lib/sasl/old_password.h"

#include <algorithm>
#include <array>
#include <bit>

#include <openssl/evp.h>

#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kOtpKey = 8;
constexpr std::uint32_t kMostRounds = 100000;
constexpr std::size_t kLongestSeed = 64;

using Md4State = std::array<std::uint32_t, 4>;

std::uint32_t word_at(std::string_view bytes, std::size_t at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        word |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    }
    return word;
}

void append_word(std::string& out, std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) {
        out += static_cast<char>(word >> shift & 0xff);
    }
}

// RFC 1320 3.4: three rounds of 16 steps, each of which replaces one word of the state.
void md4_block(Md4State& state, std::string_view block) {
    constexpr std::array<std::array<std::uint8_t, 16>, 3> kOrder = {
        {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
         {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15},
         {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}}};
    constexpr std::array<std::array<int, 4>, 3> kTurns = {
        {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}}};
    constexpr std::array<std::uint32_t, 3> kAdded = {0, 0x5a827999, 0x6ed9eba1};
    Md4State now = state;
    for (std::size_t round = 0; round < 3; ++round) {
        for (std::size_t step = 0; step < 16; ++step) {
            auto& [a, b, c, d] = now;
            std::uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                                  : round == 1 ? (b & c) | (b & d) | (c & d)
                                               : b ^ c ^ d;
            std::uint32_t sum =
                a + mixed + word_at(block, kOrder[round][step] * std::size_t{4}) + kAdded[round];
            now = {d, std::rotl(sum, kTurns[round][step % 4]), b, c};
        }
    }
    for (std::size_t i = 0; i < state.size(); ++i) {
        state[i] += now[i];
    }
}

std::string evp_digest(const EVP_MD* kind, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out.data(), &size, kind, nullptr);
    return std::string(reinterpret_cast<const char*>(out.data()), size);
}

// RFC 2289 appendix A: digests are folded to 64 bits; the words of SHA-1 have their bytes turned
// round then.
std::string folded(std::string_view algorithm, std::string_view text) {
    bool sha1 = algorithm == "sha1";
    std::string digest = sha1                 ? evp_digest(EVP_sha1(), text)
                         : algorithm == "md5" ? evp_digest(EVP_md5(), text)
                                              : md4(text);
    std::string key(kOtpKey, '\0');
    for (std::size_t i = 0; i < digest.size(); ++i) {
        std::size_t at = i % kOtpKey;
        std::size_t to = sha1 ? at / 4 * 4 + 3 - at % 4 : at;
        key[to] = static_cast<char>(key[to] ^ digest[i]);
    }
    return key;
}

}  // namespace

std::string md4(std::string_view text) {
    std::string padded(text);
    padded += '\x80';
    padded.append((2 * kBlock - 8 - padded.size() % kBlock) % kBlock, '\0');
    auto bits = static_cast<std::uint64_t>(text.size()) * 8;
    append_word(padded, static_cast<std::uint32_t>(bits));
    append_word(padded, static_cast<std::uint32_t>(bits >> 32));
    Md4State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    for (std::size_t at = 0; at < padded.size(); at += kBlock) {
        md4_block(state, std::string_view(padded).substr(at, kBlock));
    }
    std::string out;
    for (std::uint32_t word : state) {
        append_word(out, word);
    }
    return out;
}

Result<std::string> otp_key(std::string_view algorithm, std::string_view seed,
                            std::string_view passphrase, std::uint32_t number) {
    bool known = algorithm == "sha1" || algorithm == "md5" || algorithm == "md4";
    if (!known || number > kMostRounds || seed.size() > kLongestSeed) {
        return fail(Errc::kSyntax, "the stored {OTP} password is malformed");
    }
    std::string key = folded(algorithm, lowercase(seed) + std::string(passphrase));
    for (std::uint32_t i = 0; i < number; ++i) {
        key = folded(algorithm, key);
    }
    return key;
}

std::string make_otp(std::string_view passphrase) {
    constexpr std::uint32_t kNumber = 1024;
    std::string seed = hex_encode(random_secret(8));
    std::string key = otp_key("sha1", seed, passphrase, kNumber).value_or("");
    return format("sha1 {} {} {}", kNumber, seed, hex_encode(key));
}

Result<bool> verify_md4(std::string_view password, std::string_view stored, bool bytes,
                        std::string_view /*user*/) {
    auto digest = bytes ? std::optional(std::string(stored)) : hex_decode(stored);
    if (!digest || digest->size() != 16) {
        return fail(Errc::kSyntax, "the stored {PLAIN-MD4} password is malformed");
    }
    return equal_secrets(md4(password), *digest);
}

Result<bool> verify_otp(std::string_view password, std::string_view stored, bool /*bytes*/,
                        std::string_view /*user*/) {
    auto words = split_words(stored, " ");
    auto number = words.size() == 4 ? parse_uint(words[1]) : std::nullopt;
    auto key = number && *number <= kMostRounds ? hex_decode(words[3]) : std::nullopt;
    if (!key) {
        return fail(Errc::kSyntax, "the stored {OTP} password is malformed");
    }
    auto made = otp_key(words[0], words[2], password, static_cast<std::uint32_t>(*number));
    return made ? Result<bool>(equal_secrets(*made, *key)) : fail_with(made);
}

Result<bool> verify_truncated(std::string_view password, std::string_view stored, bool /*bytes*/,
                              std::string_view /*user*/) {
    auto parts = split_first(stored, '-');
    auto length = parts ? parse_uint(parts->first) : std::nullopt;
    if (!length) {
        return fail(Errc::kSyntax, "the stored {PLAIN-TRUNC} password has no length");
    }
    std::string_view kept = parts->second;
    bool cut = kept.size() == *length && password.size() >= kept.size();
    return equal_secrets(cut ? password.substr(0, kept.size()) : password, kept);
}

}  // namespace relais
