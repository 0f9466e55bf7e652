/* Who may do what: see rights.h. */
#include "rights.h"

#include <aclapi.h>
#include <lm.h>
#include <sddl.h>

#define COUNT(array) (sizeof array / sizeof *array)
#define MONITOR_USERS L"S-1-5-32-558" /* by its id, since its name depends on the language of Windows */

DWORD protect(wchar_t *path, const wchar_t *rights) {
    PSECURITY_DESCRIPTOR whole = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    BOOL given, defaulted;
    DWORD why = ERROR_SUCCESS;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(rights, SDDL_REVISION_1, &whole, NULL)) return GetLastError();
    if (!GetSecurityDescriptorOwner(whole, &owner, &defaulted) || !GetSecurityDescriptorDacl(whole, &given, &list, &defaulted))
        why = GetLastError();
    SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    if (why == ERROR_SUCCESS) why = SetNamedSecurityInfoW(path, SE_FILE_OBJECT, what, owner, NULL, list, NULL);
    LocalFree(whole);
    return why;
}

BOOL is_ours(const wchar_t *path) {
    BOOL ours = FALSE;
    PSID owner = NULL;
    PSECURITY_DESCRIPTOR whole = NULL;
    HANDLE token = NULL;
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } me;
    DWORD length = 0, attributes = GetFileAttributesW(path);
    if (attributes == INVALID_FILE_ATTRIBUTES || attributes & FILE_ATTRIBUTE_REPARSE_POINT) return FALSE;
    if (GetNamedSecurityInfoW(path, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &whole) != ERROR_SUCCESS)
        return FALSE;
    if (IsWellKnownSid(owner, WinBuiltinAdministratorsSid) || IsWellKnownSid(owner, WinLocalSystemSid))
        ours = TRUE;
    else if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        ours = GetTokenInformation(token, TokenUser, &me, sizeof me, &length) && EqualSid(owner, me.user.User.Sid);
        CloseHandle(token);
    }
    LocalFree(whole);
    return ours;
}

DWORD in_monitor_users(BOOL member) {
    static const wchar_t *const WHO[] = {AGENT_SID, SPOC_SID};
    wchar_t name[GNLEN + 1], domain[DNLEN + 256];
    DWORD names = COUNT(name), domains = COUNT(domain), why = ERROR_SUCCESS;
    SID_NAME_USE use;
    PSID group = NULL;
    if (!ConvertStringSidToSidW(MONITOR_USERS, &group)) return GetLastError();
    if (!LookupAccountSidW(NULL, group, name, &names, domain, &domains, &use)) why = GetLastError();
    LocalFree(group);
    for (size_t each = 0; each < COUNT(WHO) && why == ERROR_SUCCESS; each++) {
        LOCALGROUP_MEMBERS_INFO_0 one = {NULL};
        if (!ConvertStringSidToSidW(WHO[each], &one.lgrmi0_sid)) return GetLastError();
        why = (member ? NetLocalGroupAddMembers : NetLocalGroupDelMembers)(NULL, name, 0, (BYTE *)&one, 1);
        LocalFree(one.lgrmi0_sid);
        if (why == ERROR_MEMBER_IN_ALIAS || why == ERROR_MEMBER_NOT_IN_ALIAS) why = ERROR_SUCCESS;
    }
    return why;
}
