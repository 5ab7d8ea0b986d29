#include "gate/gate.h"

#include <algorithm>
#include <array>

#include "access/amz_time.h"
#include "access/refusal.h"
#include "base/assert.h"
#include "base/log.h"

namespace dl::gate {
namespace {

using access::Refusal;

constexpr size_t kMaxCachedPolicies = 1000;
constexpr std::string_view kUser = "user/", kNodeAdmin = "node-admin/";

// Changes whose record is part of their step: of objects, and of control state.
constexpr std::array<std::string_view, 21> kRecordedInStep = {
    "s3:PutObject",          "s3:DeleteObject",         "s3:DeleteObjectVersion", "s3:AbortMultipartUpload",
    "s3:CreateBucket",       "s3:DeleteBucket",         "s3:PutBucketVersioning", "demilune:CreateUser",
    "demilune:UpdateUser",   "demilune:DeleteUser",     "demilune:PutPolicy",     "demilune:DeletePolicy",
    "demilune:CreateKey",    "demilune:UpdateKey",      "demilune:DeleteKey",     "demilune:InviteDevice",
    "demilune:AssignBucket", "demilune:SetDeviceState", "demilune:RunJob",        "demilune:CancelJob",
    "demilune:DeleteJob"};

bool recorded_in_step(std::string_view action) {
  return std::find(kRecordedInStep.begin(), kRecordedInStep.end(), action) != kRecordedInStep.end();
}

std::string resource_of(const Operation& operation) {
  return operation.resource.empty() ? access::s3_arn(operation.bucket, operation.key) : operation.resource;
}

// The facts as the signature check asks for them.
class Keys : public access::KeySource {
 public:
  explicit Keys(const Facts& facts) : facts_(facts) {}
  access::KeyStanding standing(std::string_view access_key, uint32_t day) const override {
    auto key = facts_.find_key(access_key, day);
    if (!key) return access::KeyStanding::kUnknown;
    auto user = facts_.find_user(key->user);
    if (!key->enabled || !user || !user->enabled) return access::KeyStanding::kDisabled;
    switch (key->day) {
      case DayHeld::kHeld:
        return access::KeyStanding::kUsable;
      case DayHeld::kBeforeFirst:
        return access::KeyStanding::kBeforeLease;
      case DayHeld::kAfterLast:
        return access::KeyStanding::kLeasePast;
    }
    return access::KeyStanding::kUnknown;
  }
  Result<Bytes> day_region_key(std::string_view access_key, uint32_t day, std::string_view region) const override {
    return facts_.day_region_key(access_key, day, region);
  }

 private:
  const Facts& facts_;
};

// Records a write that was allowed and never reached its step.
class Ticket : public AuditTicket {
 public:
  Ticket(std::function<Result<void>(Bytes)> record, format::AuditRecord allowed)
      : record_(std::move(record)), allowed_(std::move(allowed)) {}
  ~Ticket() override {
    if (taken_) return;
    allowed_.outcome = format::AuditOutcome::kFailed;
    auto bytes = format::encode_audit(allowed_);
    auto done = bytes.ok() ? record_(std::move(*bytes)) : Result<void>(bytes.error());
    if (!done.ok()) log_warn("gate", "a failed write is not in the audit log: {}", done.error().message);
  }
  void take() override { taken_ = true; }

 private:
  std::function<Result<void>(Bytes)> record_;
  format::AuditRecord allowed_;
  bool taken_ = false;
};

// The key that a request claims, for the record of its refusal: what stands between "Credential=" and '/'.
std::string claimed_key(const access::RequestView& http) {
  std::string_view text = access::find_header(http.headers, "authorization").value_or(http.raw_query);
  size_t at = text.find("Credential=");
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + 11);
  return std::string(text.substr(0, std::min({text.find('/'), text.find('%'), text.find('&'), text.size()})));
}

}  // namespace

Gate::Gate(Config config) : config_(std::move(config)) {
  DL_REQUIRE(config_.clock && config_.principals && config_.record, "the gate needs clock, principals and a record");
}

format::AuditRecord Gate::record_of(const Who& who, const std::string& action, const std::string& resource) const {
  format::AuditRecord r;
  r.time = config_.clock->wall();
  r.node = config_.node;
  r.principal = format::audit_text(who.principal, 256);
  r.access_key = format::audit_text(who.access_key, 160);
  r.action = format::audit_text(action, 128);
  r.resource = format::audit_text(resource);
  r.source = format::audit_text(who.source, 128);
  r.request_id = format::audit_text(who.request_id, 128);
  return r;
}

Result<void> Gate::write(const format::AuditRecord& record) const {
  DL_TRY(Bytes bytes, format::encode_audit(record));
  return config_.record(std::move(bytes));
}

Result<Identity> Gate::identify(const Request& request, const std::vector<std::string>& services) {
  Identity out;
  out.who_ = {.source = std::string(request.peer), .request_id = std::string(request.request_id)};
  if (request.peer_uid) {
    if (*request.peer_uid != config_.own_uid && *request.peer_uid != 0)
      return access::refuse(Refusal::kLocalUser, "the local socket serves root and the user that runs the node",
                            "run the command as that user, or use the data port with an access key");
    out.who_.principal = std::string(kNodeAdmin) + config_.node_name;
    return out;
  }
  auto facts = config_.principals->facts();
  Keys keys(*facts);
  DL_TRY(out.verified_, verifier_.verify(request.http, {config_.region, services}, config_.clock->wall(), keys));
  out.who_.access_key = out.verified_->scope.access_key;
  auto key = facts->find_key(out.who_.access_key, out.verified_->scope.day);
  DL_ASSERT(key.has_value(), "a key that verified is known in the same facts");
  out.who_.principal = std::string(kUser) + key->user;
  return out;
}

Result<Identity> Gate::authenticate(const Request& request, const std::vector<std::string>& services,
                                    const Operation& about) {
  auto out = identify(request, services);
  if (out.ok()) return out;
  Who who{.access_key = claimed_key(request.http),
          .source = std::string(request.peer),
          .request_id = std::string(request.request_id)};
  bool known = !about.action.empty() || !about.bucket.empty() || !about.resource.empty();
  auto record = record_of(who, about.action, known ? resource_of(about) : std::string(request.http.raw_path));
  record.decision = format::AuditDecision::kDenied;
  record.outcome = format::AuditOutcome::kRefused;
  Refusal refusal = access::refusal_of(out.error());
  record.reason = refusal == Refusal::kNone ? "internal" : access::refusal_name(refusal);
  DL_OK(write(record));
  return out;
}

Identity Gate::act_as(Who who) const {
  Identity out;
  out.who_ = std::move(who);
  return out;
}

std::shared_ptr<const Gate::Parsed> Gate::parsed(const NamedDocument& document) {
  std::string name = document.name + '\0' + document.document;
  {
    std::lock_guard lock(m_);
    auto it = policies_.find(name);
    if (it != policies_.end()) return it->second;
  }
  auto out = std::make_shared<Parsed>();
  auto policy = access::parse_policy(document.name, document.document);
  if (policy.ok()) {
    out->policy = std::move(*policy);
  } else {
    out->problem = policy.error().message;
  }
  std::lock_guard lock(m_);
  if (policies_.size() >= kMaxCachedPolicies) policies_.clear();
  policies_.emplace(std::move(name), out);
  return out;
}

Gate::Judged Gate::judge(const Facts& facts, const Who& who, const Operation& operation, const std::string& resource) {
  auto refuse = [](Refusal refusal, std::string message) {
    return Judged{false, std::string(access::refusal_name(refusal)), access::refuse(refusal, std::move(message))};
  };
  if (who.principal == std::string(kNodeAdmin) + config_.node_name) return {true, "node-admin", {}};
  if (!who.principal.starts_with(kUser))
    return refuse(Refusal::kPolicy, "'" + who.principal + "' is nobody that has rights here");
  auto user = facts.find_user(std::string_view(who.principal).substr(kUser.size()));
  if (!user || !user->enabled) return refuse(Refusal::kDisabledKey, who.principal + " is disabled or gone");
  if (!who.access_key.empty()) {
    auto key = facts.find_key(who.access_key, access::day_of(config_.clock->wall()));
    if (!key || !key->enabled) return refuse(Refusal::kDisabledKey, "the access key is disabled or gone");
  }
  std::vector<std::shared_ptr<const Parsed>> held;
  std::vector<const access::Policy*> policies;
  for (const NamedDocument& document : user->policies) {
    held.push_back(parsed(document));
    // It may hold a denial that cannot be read: nothing is allowed on the strength of the others.
    if (!held.back()->policy)
      return refuse(Refusal::kPolicy, "the policy " + document.name + " cannot be read: " + held.back()->problem);
    policies.push_back(&*held.back()->policy);
  }
  access::Decision decision = access::evaluate(policies, operation.action, resource);
  if (decision.verdict == access::Verdict::kAllowed) return {true, decision.because, {}};
  std::string why = decision.verdict == access::Verdict::kDenied ? decision.because + " denies it"
                                                                 : std::string("no policy allows it");
  Judged out = refuse(Refusal::kPolicy, who.principal + " may not " + operation.action + " on " +
                                            format::audit_text(resource, 1200) + ": " + why);
  if (!decision.because.empty()) out.reason += ": " + decision.because;
  return out;
}

Result<Permit> Gate::decide(const Who& who, const Operation& operation) {
  DL_REQUIRE(!operation.action.empty(), "an operation without an action");
  auto facts = config_.principals->facts();
  std::string resource = resource_of(operation);
  Judged judged = judge(*facts, who, operation, resource);
  auto record = record_of(who, operation.action, resource);
  record.reason = format::audit_text(judged.reason, 512);
  record.control_revision = record.policy_revision = facts->revision();
  record.decision = judged.allowed ? format::AuditDecision::kAllowed : format::AuditDecision::kDenied;
  record.outcome = judged.allowed ? format::AuditOutcome::kAdmitted : format::AuditOutcome::kRefused;

  bool in_step = judged.allowed && recorded_in_step(operation.action);
  if (!in_step) DL_OK(write(record));
  if (!judged.allowed) return std::move(*judged.refusal);
  Permit permit;
  permit.principal_ = who.principal;
  permit.action_ = operation.action;
  permit.bucket_ = operation.bucket;
  permit.key_ = operation.key;
  permit.control_revision_ = permit.policy_revision_ = facts->revision();
  permit.resource_ = operation.resource;
  permit.access_key_ = who.access_key;
  permit.source_ = who.source;
  permit.request_id_ = who.request_id;
  if (in_step) {
    record.outcome = format::AuditOutcome::kDone;
    DL_TRY(permit.audit_, format::encode_audit(record));
    permit.ticket_ = std::make_unique<Ticket>(config_.record, std::move(record));
  }
  return permit;
}

Result<Permit> Gate::authorize(const Identity& identity, const Operation& operation) {
  return decide(identity.who_, operation);
}

Result<Permit> Gate::renew(const Permit& permit) {
  if (permit.ticket_) permit.ticket_->take();
  return decide({permit.principal_, permit.access_key_, permit.source_, permit.request_id_},
                {permit.action_, permit.bucket_, permit.key_, permit.resource_});
}

}  // namespace dl::gate
