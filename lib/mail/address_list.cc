// Address headers: see the header.
#include "lib/mail/address_list.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace relais {
namespace {

bool is_comment(const AddressToken& token) {
    return token.type == AddressTokenType::kComment;
}

bool is_one_of(const AddressToken& token, std::string_view specials) {
    return token.type == AddressTokenType::kSpecial && token.text.size() == 1 &&
           specials.contains(token.text[0]);
}

// Words that stand side by side become one; only quoted ones keep the blank.  True if there was
// one.
bool join_words(AddressTokens& tokens) {
    bool any_quoted = false;
    for (std::size_t i = 1; i < tokens.size();) {
        auto& left = tokens[i - 1];
        const auto& right = tokens[i];
        if (!left.is_word() || !right.is_word()) {
            ++i;
            continue;
        }
        const bool quoted =
            left.type == AddressTokenType::kQuoted || right.type == AddressTokenType::kQuoted;
        left.text += (quoted ? " " : "") + right.text;
        left.type = quoted ? AddressTokenType::kQuoted : left.type;
        any_quoted = any_quoted || quoted;
        tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return any_quoted;
}

// A local part that holds what belongs into no address is quoted as a whole.  True if it was one.
bool quote_local_part(AddressTokens& tokens) {
    auto at = std::ranges::find_if(tokens | std::views::reverse, [](const AddressToken& token) {
                  return token.is('@');
              }).base();
    const auto end = at == tokens.begin() ? tokens.end() : at - 1;
    const bool route = !tokens.empty() && tokens[0].is('@');
    if (route || std::none_of(tokens.begin(), end, [](auto& t) { return is_one_of(t, "<>,;:"); })) {
        return false;
    }
    AddressToken local{AddressTokenType::kQuoted, {}, false};
    for (auto token = tokens.begin(); token != end; ++token) {
        local.text += token->is('<') && !local.text.empty() ? " " : "";
        local.text += token->text;
        local.text += token->is(',') ? " " : "";
    }
    tokens.erase(tokens.begin(), end);
    tokens.insert(tokens.begin(), std::move(local));
    return true;
}

// True if something had to be quoted.
bool repair(AddressTokens& tokens) {
    const bool joined = join_words(tokens);
    return quote_local_part(tokens) || joined;
}

}  // namespace

// Reads from right to left, as Postfix does, so that broken text gets the same meaning: a ">" looks
// for its "<", what stands left of that is a name; a ";" looks for the ":" of its group, and what
// stands left of that, up to a comma, is the group's name; words side by side are addresses that
// lack a comma; comments go behind the address in which they stand.
class AddressListParser {
  public:
    AddressListParser(AddressTokens tokens, AddressList& list)
        : tokens_(std::move(tokens)), list_(list), left_(tokens_.size()) {}

    void run() {
        while (left_ > 0) {
            const auto& token = next();
            if (token.is('>')) {
                bracketed();
            } else if (token.is(':') && in_group_) {
                group_name();
            } else if (token.is(',') || token.is(';') || is_comment(token)) {
                in_group_ = in_group_ || token.is(';');
                keep();
            } else {
                bare_address();
            }
        }
        std::ranges::reverse(list_.pieces_);
        std::ranges::reverse(list_.slots_);
        for (auto& piece : list_.pieces_) {
            piece.slot =
                piece.slot < 0 ? -1 : static_cast<int>(list_.slots_.size()) - 1 - piece.slot;
        }
    }

  private:
    // The token to the left of what has been read.
    const AddressToken& next() const { return tokens_[left_ - 1]; }

    void keep() { list_.pieces_.push_back({tokens_[--left_]}); }

    // A name: what stands left, up to one of `stops`.
    void keep_name(std::string_view stops) {
        while (left_ > 0 && !is_one_of(next(), stops)) {
            keep();
        }
    }

    void group_name() {
        keep();
        list_.pieces_.back().begins_group = true;
        in_group_ = false;
        keep_name(",");
    }

    void bracketed() {
        keep();
        AddressTokens address;
        while (left_ > 0 && !next().is('<')) {
            take_into(address);
        }
        add_slot(std::move(address), true);
        if (left_ == 0) {
            return;
        }
        keep();
        keep_name(",;:>");
        if (left_ > 0 && next().is(':') && !in_group_) {
            keep();
        }
    }

    void bare_address() {
        AddressTokens address;
        while (left_ > 0 && !is_one_of(next(), in_group_ ? ",;>:" : ",;>")) {
            if (!address.empty() && address.back().is_word() && next().is_word()) {
                add_slot(std::exchange(address, {}), false);
                add_comma();
            }
            take_into(address);
        }
        add_slot(std::move(address), false);
        if (left_ > 0 && is_one_of(next(), ";>")) {
            add_comma();
        }
    }

    void take_into(AddressTokens& address) {
        if (is_comment(next())) {
            keep();
        } else {
            address.push_back(tokens_[--left_]);
        }
    }

    // The tokens come in the order in which they were read.
    void add_slot(AddressTokens address, bool bracketed) {
        std::ranges::reverse(address);
        auto repaired = address;
        list_.repaired_ = repair(repaired) || list_.repaired_;
        list_.pieces_.push_back({AddressToken(), static_cast<int>(list_.slots_.size())});
        list_.slots_.push_back({std::move(address), bracketed});
    }

    void add_comma() { list_.pieces_.push_back({{AddressTokenType::kSpecial, ",", false}}); }

    AddressTokens tokens_;
    AddressList& list_;
    std::size_t left_;  // tokens that are not read yet
    bool in_group_ = false;
};

AddressList AddressList::parse(std::string_view header_value, std::size_t token_limit) {
    AddressList list;
    AddressListParser(tokenize_address(header_value, token_limit), list).run();
    return list;
}

std::string AddressList::external(std::size_t i) const {
    auto tokens = slots_[i].tokens;
    repair(tokens);
    return external_address(tokens);
}

// Without blanks between words, whose quotes are gone.
std::string AddressList::internal(std::size_t i) const {
    std::string address;
    for (const auto& token : slots_[i].tokens) {
        address += internal_address({token});
    }
    return address;
}

void AddressList::set_external(std::size_t i, std::string_view address) {
    slots_[i].tokens = tokenize_address(address);
}

bool AddressList::is_wordy(const Piece& piece) const {
    if (piece.slot < 0) {
        return piece.token.is_word() || is_comment(piece.token);
    }
    const auto& slot = slots_[static_cast<std::size_t>(piece.slot)];
    return !slot.bracketed || !slot.tokens.empty();
}

// A blank stands between words, before "<", and after the ":" of a group; what blanks the text had
// otherwise is lost, as in Postfix.
std::string AddressList::print(Separator separator) const {
    std::string out;
    const Piece* before = nullptr;
    for (const auto& piece : pieces_) {
        const auto& token = piece.token;
        if (before != nullptr && !before->token.is(',') && !before->begins_group &&
            (token.is('<') || (is_wordy(piece) && is_wordy(*before)))) {
            out += ' ';
        }
        if (piece.slot >= 0) {
            auto address = external(static_cast<std::size_t>(piece.slot));
            out += address.empty() && is_wordy(piece) ? "\"\"" : address;
        } else if (token.type == AddressTokenType::kQuoted) {
            out += print_tokens({token}, TokenForm::kExternal);
        } else {
            out += token.text;
        }
        if (token.is(',')) {
            out += separator == Separator::kNewline ? '\n' : ' ';
        } else if (piece.begins_group) {
            out += ' ';
        }
        before = &piece;
    }
    return out;
}

}  // namespace relais
