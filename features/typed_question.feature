Feature: Typed questions
  Somebody who has lost the paper asks instead of leafing: the answer comes from their own manuals, and says where it
  stands.

  @exact
  Scenario: A question that a manual answers
    Given Anna has the manual "router"
    When Anna asks the question router-01
    Then the answer to Anna says "64 wireless devices"
    And the answer to Anna cites page 1 of the manual "router"

  @exact
  Scenario: A question that no manual answers
    Given Anna has the manual "router"
    When Anna asks "What is the capital of Mongolia?"
    Then the manuals of Anna do not say

  Scenario: An empty question
    When Anna asks "   "
    Then Anna is refused because "the question is empty"

  @stores
  Scenario: A manual that is deleted
    Given Anna has the manual "solar"
    When Anna deletes the manual "solar"
    Then nothing is left of the manual "solar" of Anna
